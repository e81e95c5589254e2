// tests/oracle/random.mjs -- choices that one printed seed replays (sfc32).
export class Random {
  constructor(seed) {
    let x = BigInt.asUintN(64, BigInt(seed));
    const next = () => { // splitmix64, to spread the seed
      x = BigInt.asUintN(64, x + 0x9e3779b97f4a7c15n);
      let z = x;
      z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
      return z ^ (z >> 31n);
    };
    const a = next();
    const b = next();
    this.a = Number(a & 0xffffffffn) | 0;
    this.b = Number(a >> 32n) | 0;
    this.c = Number(b & 0xffffffffn) | 0;
    this.d = 1;
    for (let i = 0; i < 12; i++) this.bits();
  }

  bits() {
    const t = (this.a + this.b + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t | 0;
    return t >>> 0;
  }

  // 0 .. limit - 1
  int(limit) { return Math.floor((this.bits() / 4294967296) * limit); }

  // low .. high, both included
  between(low, high) { return low + this.int(high - low + 1); }

  chance(share) { return this.bits() / 4294967296 < share; }

  pick(list) { return list[this.int(list.length)]; }

  // `choices`: [weight, value] pairs
  weighted(choices) {
    let at = this.int(choices.reduce((sum, c) => sum + c[0], 0));
    for (const [weight, value] of choices) {
      if (at < weight) return value;
      at -= weight;
    }
    throw new Error('no choice');
  }

  // n different ones, in any order
  sample(list, n) {
    const copy = [...list];
    for (let i = 0; i < n && i < copy.length; i++) {
      const j = i + this.int(copy.length - i);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy.slice(0, n);
  }

  // n hex digits
  hex(n) {
    let text = '';
    while (text.length < n) text += this.bits().toString(16).padStart(8, '0');
    return text.slice(0, n);
  }
}
