// demo/demo.mjs -- the story, step by step; demo/run.sh starts it.
// The demo keeps its own picture of what the tables must hold (`Truth`), changes it with every
// acknowledged write, and compares: after loading, flushing, changing, a clean restart and a kill.
import { randomInt } from 'node:crypto';
import { busiest, readCorpus } from './corpus.mjs';
import { bad, dim, good, heading, number, progress, say } from './screen.mjs';
import { Server, sleep } from './server.mjs';

const CONNECTIONS = 8;
const MAILBOXES = 40;
const SPOT_CHECKS = 40;
const FLUSH_WAIT_S = 90;
const ADMIN = { user: 'postmaster', password: 'demo-pass-1' };
const PASSWORD = 'mailbox-pass-1';

const server = new Server(process.env.BIN, CONNECTIONS);
const users = new Map(); // name -> token
let admin; // token
let failures = 0;
let compared = 0;

/* --- what must be true --- */

const truth = {
    messages: new Map(), // id -> {folder, sender, topic, sent, size, length, body}
    inbox: new Map(), // user -> Map(id -> {size, is_read})
};

const sum = (values, of) => [...values].reduce((total, value) => total + of(value), 0);
const count = (values, test) => sum(values, (value) => (test(value) ? 1 : 0));

function expectEqual(name, found, wanted) {
    compared++;
    if (String(found) !== String(wanted)) {
        failures++;
        bad(`${name}: the server says ${found}, it must be ${wanted}`);
    }
}

async function compareMessages() {
    const all = truth.messages;
    const { objects: [row] } = await server.sql(admin,
        'SELECT count(*) AS n, sum(size) AS bytes, sum(length(body)) AS characters, count(DISTINCT sender) AS senders, count(sent) AS dated, max(id) AS last FROM mail.messages');
    expectEqual('messages', row.n, all.size);
    expectEqual('bytes of all bodies', row.bytes, sum(all.values(), (mail) => mail.size));
    expectEqual('characters of all bodies', row.characters, sum(all.values(), (mail) => mail.length));
    expectEqual('senders', row.senders, new Set([...all.values()].map((mail) => mail.sender)).size);
    expectEqual('messages with a date', row.dated, count(all.values(), (mail) => mail.sent !== null));
    expectEqual('highest id', row.last, Math.max(...all.keys()));
    const folders = await server.sql(admin, 'SELECT folder, count(*) AS n FROM mail.messages GROUP BY folder ORDER BY folder');
    const wanted = new Map();
    for (const mail of all.values()) wanted.set(mail.folder, (wanted.get(mail.folder) ?? 0) + 1);
    expectEqual('folders', folders.objects.map((f) => `${f.folder} ${f.n}`).join(', '),
        [...wanted].sort().map(([folder, n]) => `${folder} ${n}`).join(', '));
}

async function compareSpots() {
    const ids = [...truth.messages.keys()];
    for (let i = 0; i < SPOT_CHECKS; i++) {
        const id = ids[randomInt(ids.length)];
        const { objects: [row] } = await server.sql(admin, 'SELECT folder, body FROM mail.messages WHERE id = $1', [id]);
        const mail = truth.messages.get(id);
        expectEqual(`message ${id}`, row && row.folder === mail.folder && row.body === mail.body, true);
    }
}

async function compareInboxes() {
    await Promise.all([...users].map(async ([user, token]) => {
        const { objects: [row] } = await server.sql(token, 'SELECT count(*) AS n, coalesce(sum(size), 0) AS bytes, count(*) FILTER (WHERE is_read) AS seen FROM mail.inbox');
        const box = truth.inbox.get(user);
        expectEqual(`inbox of ${user}`, `${row.n} rows, ${row.bytes} bytes, ${row.seen} read`,
            `${box.size} rows, ${sum(box.values(), (mail) => mail.size)} bytes, ${count(box.values(), (mail) => mail.is_read)} read`);
    }));
}

async function compareJoin() {
    const { objects: [row] } = await server.sql(admin,
        'SELECT count(*) AS n, sum(m.size) AS bytes FROM mail.messages m JOIN mail.topics t ON m.topic = t.topic WHERE t.messages >= 10');
    const busy = [...truth.messages.values()].filter((mail) => truth.topics.get(mail.topic) >= 10);
    expectEqual('messages of busy topics, by a join', `${row.n} of ${row.bytes} bytes`, `${busy.length} of ${sum(busy, (mail) => mail.size)} bytes`);
}

async function compareAll(when) {
    const before = { failures, compared };
    await compareMessages();
    await compareSpots();
    await compareInboxes();
    await compareJoin();
    if (failures === before.failures) good(`${compared - before.compared} totals and texts agree ${when}`);
}

/* --- steps --- */

async function prepare(names) {
    heading('A server of its own');
    const begun = Date.now();
    await server.start();
    const setup = await server.post('/v1/api/auth/setup', { ...ADMIN, root_password: 'demo-root-pass-1' });
    if (setup.status !== 200) throw new Error(`no set-up: ${JSON.stringify(setup.json)}`);
    admin = await server.logIn(ADMIN.user, ADMIN.password);
    say(`kalamdb-server listens on ${server.url}, started and set up in ${Date.now() - begun} ms`);
    await server.sql(admin, 'CREATE NAMESPACE mail');
    await server.sql(admin, `CREATE SHARED TABLE mail.messages (id BIGINT PRIMARY KEY, folder TEXT NOT NULL, sender TEXT NOT NULL,
        subject TEXT, topic TEXT NOT NULL, sent TIMESTAMP, size INT NOT NULL, body TEXT NOT NULL) WITH (FLUSH_POLICY = 'rows:1500,interval:4')`);
    await server.sql(admin, `CREATE SHARED TABLE mail.topics (topic TEXT PRIMARY KEY, messages INT NOT NULL)
        WITH (FLUSH_POLICY = 'rows:1500,interval:4')`);
    await server.sql(admin, `CREATE USER TABLE mail.inbox (id BIGINT PRIMARY KEY, sender TEXT NOT NULL, subject TEXT, sent TIMESTAMP,
        size INT NOT NULL, is_read BOOLEAN DEFAULT false) WITH (FLUSH_POLICY = 'rows:300,interval:4')`);
    for (const name of names) {
        await server.sql(admin, `CREATE USER '${name}' WITH PASSWORD '${PASSWORD}' ROLE user`);
        users.set(name, await server.logIn(name, PASSWORD));
        truth.inbox.set(name, new Map());
    }
    say(`SHARED tables mail.messages and mail.topics, USER table mail.inbox, ${names.length} correspondents as users`);
}

async function storeMessage(mail) {
    await server.sql(admin, 'INSERT INTO mail.messages (id, folder, sender, subject, topic, sent, size, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
        [mail.id, mail.folder, mail.sender, mail.subject, mail.topic, mail.sent, mail.size, mail.body]);
    truth.messages.set(mail.id, { ...mail, length: [...mail.body].length });
}

// Half of the users file their mail themselves, for the others the administrator does it.
async function fileMail(user, mail) {
    const values = [mail.id, mail.sender, mail.subject, mail.sent, mail.size];
    const insert = 'INSERT INTO mail.inbox (id, sender, subject, sent, size) VALUES ($1, $2, $3, $4, $5)';
    const isOwn = [...users.keys()].indexOf(user) % 2 === 0;
    await (isOwn ? server.sql(users.get(user), insert, values) : server.sql(admin, `EXECUTE AS USER '${user}' (${insert})`, values));
    truth.inbox.get(user).set(mail.id, { size: mail.size, is_read: false });
}

async function inParallel(items, work) {
    let next = 0;
    await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
        while (next < items.length) await work(items[next++]);
    }));
}

async function load(mails, reader) {
    heading('Loading through the HTTP API, with live queries open');
    const all = server.subscribe(ADMIN.user, ADMIN.password, "SELECT id, sender, subject FROM mail.messages WHERE folder = 'inbox'");
    const box = server.subscribe(reader, PASSWORD, 'SELECT id, sender, subject FROM mail.inbox');
    await Promise.all([all.ready, box.ready]);
    say(`kalam --subscribe "SELECT … FROM mail.messages WHERE folder = 'inbox'"`);
    say(`kalam --subscribe "SELECT … FROM mail.inbox", as ${reader}`);
    let done = 0;
    let rows = 0;
    const bar = progress(mails.length, () => ` e-mails; ${number(rows)} rows; seen live: ${number(all.changes.length)} messages, ${number(box.changes.length)} for ${reader.split('@')[0]}`);
    const begun = Date.now();
    await inParallel(mails, async (mail) => {
        await storeMessage(mail);
        for (const user of mail.recipients.filter((name) => users.has(name))) {
            await fileMail(user, mail);
            rows++;
        }
        rows++;
        bar(++done);
    });
    const seconds = (Date.now() - begun) / 1000;
    await storeTopics(mails);
    say(`${number(rows)} rows in ${seconds.toFixed(1)} s, one durable INSERT each, over ${CONNECTIONS} connections`);
    await finishWatch(all, 'good mail', count(truth.messages.values(), (mail) => mail.folder === 'inbox'));
    await finishWatch(box, `new mail of ${reader}`, truth.inbox.get(reader).size);
}

async function storeTopics(mails) {
    truth.topics = new Map();
    for (const mail of mails) truth.topics.set(mail.topic, (truth.topics.get(mail.topic) ?? 0) + 1);
    const topics = [...truth.topics];
    const quote = (text) => `'${text.replaceAll("'", "''")}'`;
    for (let at = 0; at < topics.length; at += 500) {
        const values = topics.slice(at, at + 500).map(([topic, n]) => `(${quote(topic)}, ${n})`).join(', ');
        await server.sql(admin, `INSERT INTO mail.topics (topic, messages) VALUES ${values}`);
    }
}

// Every change must have come, once, and no other.
async function finishWatch(watch, name, wanted) {
    for (let i = 0; i < 100 && watch.changes.length < wanted; i++) await sleep(100);
    await sleep(200); // for one too many
    watch.child.kill('SIGINT');
    for (const change of [0, Math.floor(wanted / 2), wanted - 1].map((i) => watch.changes[i]).filter(Boolean)) {
        dim(`${change.change_type} ${change.row.id} ${change.row.sender}: ${change.row.subject.slice(0, 60)}`);
    }
    const before = failures;
    expectEqual(`live changes, ${name}`, watch.changes.length, wanted);
    expectEqual(`different rows among them, ${name}`, new Set(watch.changes.map((change) => change.row.id)).size, wanted);
    if (failures === before) good(`live query on ${name}: ${number(wanted)} changes, each once`);
}

/** Rows in Parquet, by the manifests beside the files. */
function coldRows() {
    const found = { segments: 0, rows: 0 };
    for (const manifest of server.manifests()) {
        found.segments += manifest.segments.length;
        found.rows += sum(manifest.segments, (segment) => segment.row_count);
    }
    return found;
}

async function awaitFlush() {
    heading('Waiting for the background to write Parquet');
    const begun = Date.now();
    const total = truth.messages.size + truth.topics.size + sum(truth.inbox.values(), (box) => box.size);
    let cold = coldRows();
    while (cold.rows < total && Date.now() - begun < FLUSH_WAIT_S * 1000) {
        await sleep(500);
        cold = coldRows();
    }
    const jobs = await server.sql(admin, "SELECT job_type, status, count(*) AS n FROM system.jobs GROUP BY job_type, status ORDER BY job_type, status");
    const files = server.parquetFiles();
    say(`after ${((Date.now() - begun) / 1000).toFixed(1)} s: ${number(cold.rows)} rows in ${number(cold.segments)} segments`);
    say(`on disk: ${files.length} Parquet files, ${number(sum(files, (file) => file.bytes) / 1024)} KiB, such as ${files[0]?.path}`);
    say(`system.jobs: ${jobs.objects.map((job) => `${job.n} ${job.job_type} ${job.status}`).join(', ')}`);
    const before = failures;
    expectEqual('rows in Parquet', cold.rows, total);
    expectEqual('flush jobs that completed', jobs.objects.some((job) => job.job_type === 'flush' && job.status === 'completed'), true);
    expectEqual('Parquet files on disk', files.length >= cold.segments, true);
    if (failures === before) good('every row went to Parquet without being asked to');
}

function showQueries(reader) {
    heading('Queries across both tiers, with kalam');
    const show = (title, sql) => {
        say('');
        say(title);
        server.show(ADMIN.user, ADMIN.password, sql);
    };
    show('How much of it is spam?',
        'SELECT folder, count(*) AS mails, sum(size) AS bytes, avg(size)::INT AS bytes_each FROM mail.messages GROUP BY folder ORDER BY mails DESC LIMIT 5');
    show('Who writes most that is no spam?',
        "SELECT sender, count(*) AS mails, count(DISTINCT topic) AS topics, min(sent) AS first, max(sent) AS last FROM mail.messages WHERE folder = 'inbox' GROUP BY sender ORDER BY mails DESC, sender LIMIT 5");
    show('The longest talks: a join of two tables',
        'SELECT t.topic, t.messages, count(DISTINCT m.sender) AS people, sum(m.size) AS bytes FROM mail.topics t JOIN mail.messages m ON m.topic = t.topic WHERE t.messages >= 25 GROUP BY t.topic, t.messages ORDER BY t.messages DESC, t.topic LIMIT 6');
    show('Month by month in 2002: a window over an aggregate',
        "SELECT month(sent) AS month, count(*) AS mails, sum(count(*)) OVER (ORDER BY month(sent)) AS so_far FROM mail.messages WHERE sent >= '2002-05-01' AND sent < '2003-01-01' GROUP BY month(sent) ORDER BY month LIMIT 12");
    show('Who dreams of wheels? Words in 21 MB of text',
        "SELECT id, sender, substr(subject, 1, 40) AS subject, length(body) AS characters FROM mail.messages WHERE body ILIKE '%reinvent% wheel%' ORDER BY id LIMIT 5");
    say('');
    say(`The newest mail of ${reader}, who sees no one else's`);
    server.show(reader, PASSWORD, 'SELECT id, sent, sender, substr(subject, 1, 40) AS subject, is_read FROM mail.inbox ORDER BY sent DESC, id LIMIT 4');
}

async function changeColdRows(reader) {
    heading('Changing rows that are in Parquet already');
    const archive = [...truth.messages.values()].filter((mail) => mail.folder === 'inbox').slice(0, 200);
    await inParallel(archive, async (mail) => {
        await server.sql(admin, "UPDATE mail.messages SET folder = 'archive' WHERE id = $1", [mail.id]);
        truth.messages.get(mail.id).folder = 'archive';
    });
    say(`${archive.length} updates by key, each of a cold row`);

    const junk = [...truth.messages.values()].filter((mail) => mail.folder === 'spam' && mail.size > 20000);
    const deleted = await server.sql(admin, "DELETE FROM mail.messages WHERE folder = 'spam' AND size > 20000");
    expectEqual('deleted by a condition', deleted.row_count, junk.length);
    junk.forEach((mail) => truth.messages.delete(mail.id));
    say(`${number(deleted.row_count)} long spam messages deleted by a condition`);

    const back = { ...junk[0], folder: 'inbox', subject: 'Not spam after all', body: 'This one came back: ñandú, 日本語, 🦆.' };
    back.size = Buffer.byteLength(back.body);
    await storeMessage(back);
    say(`message ${back.id} inserted again under its old key`);

    const moved = [...truth.messages.values()].filter((mail) => mail.folder === 'newsletter');
    const updated = await server.sql(admin, "UPDATE mail.messages SET folder = 'reading' WHERE folder = 'newsletter'");
    expectEqual('updated by a condition', updated.row_count, moved.length);
    moved.forEach((mail) => (mail.folder = 'reading'));
    say(`${number(updated.row_count)} newsletters moved by a condition`);

    const box = truth.inbox.get(reader);
    const seen = await server.sql(users.get(reader), 'UPDATE mail.inbox SET is_read = true WHERE size < 2000');
    const short = [...box.values()].filter((mail) => mail.size < 2000);
    expectEqual('mail marked as read', seen.row_count, short.length);
    short.forEach((mail) => (mail.is_read = true));
    say(`${reader} has read ${number(seen.row_count)} short mails`);
    await compareAll('with rows in both tiers, newer ones hiding older ones');
}

async function restart(signal) {
    const end = await server.stop(signal);
    if (signal === 'SIGTERM') expectEqual('exit status after SIGTERM', end.code, 0);
    const begun = Date.now();
    await server.start();
    const ms = Date.now() - begun;
    admin = await server.logIn(ADMIN.user, ADMIN.password);
    return ms;
}

// Acknowledged writes, and a kill in the middle of more of them.
async function killDuringWrites() {
    let id = 100000;
    let stopped = false;
    const unknown = new Set(); // asked for, not answered: either way is right
    const writers = Array.from({ length: CONNECTIONS }, async () => {
        while (!stopped) {
            const mail = { id: ++id, folder: 'draft', sender: 'writer@example.org', subject: `draft ${id}`, topic: 'drafts', sent: null, body: `text of draft ${id}` };
            mail.size = Buffer.byteLength(mail.body);
            unknown.add(mail.id);
            try {
                await storeMessage(mail);
                unknown.delete(mail.id);
            } catch {
                return; // the server is gone
            }
        }
    });
    await sleep(700);
    server.child.kill('SIGKILL');
    stopped = true;
    await Promise.all(writers);
    const ms = await restart('SIGKILL');
    const acknowledged = count(truth.messages.values(), (mail) => mail.folder === 'draft');
    say(`kill -9 in the middle of writes: ${number(acknowledged)} had been acknowledged, ${unknown.size} were on their way; up again in ${ms} ms`);
    await acceptUnknown(unknown);
}

// Of writes that were not answered each is there whole or not at all. One comparison for all of them: how
// many were on their way, and how many of those came through, differs from run to run.
async function acceptUnknown(unknown) {
    const odd = [];
    for (const maybe of unknown) {
        const { objects: [row] } = await server.sql(admin, 'SELECT subject, body FROM mail.messages WHERE id = $1', [maybe]);
        if (row) {
            const body = `text of draft ${maybe}`;
            if (row.body !== body) odd.push(maybe);
            truth.messages.set(maybe, { id: maybe, folder: 'draft', sender: 'writer@example.org', topic: 'drafts', sent: null, size: body.length, length: body.length, body });
        }
    }
    expectEqual('drafts on their way that came through changed', odd.join(', '), '');
}

async function story() {
    const begun = Date.now();
    const mails = readCorpus(process.env.CORPUS);
    say(`${number(mails.length)} e-mails of the SpamAssassin corpus, ${number(sum(mails, (mail) => mail.size) / 1e6)} MB of text, ${number(new Set(mails.map((mail) => mail.sender)).size)} senders`);
    const names = busiest(mails, MAILBOXES);
    const reader = names[2];
    await prepare(names);
    await load(mails, reader);
    await compareAll('after loading');
    await awaitFlush();
    await compareAll('from Parquet');
    showQueries(reader);
    await changeColdRows(reader);
    heading('Restarting');
    say(`SIGTERM, and up again in ${await restart('SIGTERM')} ms`);
    await compareAll('after a clean restart');
    await killDuringWrites();
    await compareAll('after a kill -9');
    const files = server.parquetFiles();
    say('');
    if (failures > 0) {
        bad(`${failures} of ${number(compared)} comparisons failed`);
    } else {
        good(`all ${number(compared)} comparisons agree; ${files.length} Parquet files; ${((Date.now() - begun) / 1000).toFixed(0)} s in all`);
    }
}

for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, async () => {
        await server.remove();
        process.exit(130);
    });
}
try {
    await story();
} catch (error) {
    failures++;
    bad(error.message);
    if (process.env.DEMO_DEBUG) console.error(error);
}
await server.remove();
process.exit(failures > 0 ? 1 : 0);
