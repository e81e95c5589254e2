// demo/screen.mjs -- what the demo shows: headings, lines, a progress bar.
const isTerminal = process.stdout.isTTY === true;
const paint = (code, text) => (isTerminal ? `\x1b[${code}m${text}\x1b[0m` : text);

export const number = (value) => Math.round(value).toLocaleString('en-US');
export const say = (text) => process.stdout.write(`   ${text}\n`);
export const good = (text) => process.stdout.write(` ${paint('32', '✓')} ${text}\n`);
export const bad = (text) => process.stdout.write(` ${paint('31', '✗')} ${text}\n`);
export const dim = (text) => say(paint('2', text));

let step = 0;
export function heading(text) {
    process.stdout.write(`\n${paint('1', `${++step}. ${text}`)}\n`);
}

/** A bar that is drawn over itself; without a terminal, a line every tenth. */
export function progress(total, suffix) {
    const begun = Date.now();
    let shown = -1;
    return (done) => {
        const tenth = Math.floor((done * 10) / total);
        const rate = done / Math.max((Date.now() - begun) / 1000, 0.001);
        const filled = Math.round((done * 30) / total);
        const text = `[${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${number(done)} of ${number(total)}, ${number(rate)}/s${suffix()}`;
        if (isTerminal) {
            process.stdout.write(`\r   ${text}\x1b[K${done === total ? '\n' : ''}`);
        } else if (tenth > shown) {
            say(text);
        }
        shown = Math.max(shown, tenth);
    };
}
