// demo/corpus.mjs -- the e-mails as objects, in the order in which they were sent.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = { 'easy-ham-1': 'inbox', 'easy-ham-2': 'inbox', 'hard-ham-1': 'newsletter', 'spam-1': 'spam', 'spam-2': 'spam' };

function header(head, name) {
    const found = head.match(new RegExp(`^${name}:[ \\t]*(.*)$`, 'im'));
    return found ? found[1].trim() : '';
}

function addresses(text) {
    return [...text.matchAll(/[\w.+=-]+@[\w-]+(?:\.[\w-]+)+/g)].map((found) => found[0].toLowerCase());
}

// "Re: [ILUG] Sorting" and "Sorting" are one topic.
function topicOf(subject) {
    const topic = subject.replace(/^((re|fw|fwd)(\[\d+\])?:\s*|\[[^\]]*\]\s*)+/i, '').trim();
    return topic === '' ? '(none)' : topic.slice(0, 120);
}

function parse(text, group) {
    const end = text.search(/\r?\n\r?\n/);
    const head = (end < 0 ? text : text.slice(0, end)).replace(/\r?\n[ \t]+/g, ' ');
    const date = new Date(header(head, 'Date'));
    const subject = header(head, 'Subject').toWellFormed?.() ?? header(head, 'Subject');
    return {
        folder: FOLDERS[group],
        sender: addresses(header(head, 'From'))[0] ?? 'unknown',
        recipients: [...new Set([...addresses(header(head, 'To')), ...addresses(header(head, 'Cc'))])],
        subject,
        topic: topicOf(subject),
        sent: Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1990 ? null : date.toISOString(),
        body: end < 0 ? '' : text.slice(end).trim(),
    };
}

/** Reads every e-mail; ids are 1, 2, 3 ... in order of date, those without one first. */
export function readCorpus(dir) {
    const mails = [];
    for (const group of Object.keys(FOLDERS)) {
        const folder = join(dir, 'data', group);
        for (const name of readdirSync(folder).filter((file) => file.endsWith('.json')).sort()) {
            mails.push(parse(JSON.parse(readFileSync(join(folder, name), 'utf8')).text, group));
        }
    }
    mails.sort((a, b) => (a.sent ?? '').localeCompare(b.sent ?? ''));
    mails.forEach((mail, index) => {
        mail.id = index + 1;
        mail.size = Buffer.byteLength(mail.body);
    });
    return mails;
}

/** The correspondents who get most mail. */
export function busiest(mails, count) {
    const received = new Map();
    for (const mail of mails) {
        for (const user of mail.recipients) {
            received.set(user, (received.get(user) ?? 0) + 1);
        }
    }
    return [...received].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, count).map(([user]) => user);
}
