// Goal: kalam keeps its manners when the server does not: expired tokens, too many queries, answers in
// pieces, connections that break, silence, nonsense.
// Method: a server made of answers that each case gives in order; what kalam sent and how it ended.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createServer as createRawServer } from 'node:net';

const kalam = process.env.KALAM_CLI;
let failures = 0;

function run(port, args, env = {}) {
    return new Promise((done) => {
        const child = spawn(kalam, ['--port', String(port), ...args], {
            env: { PATH: process.env.PATH, HOME: '/nonexistent', LC_ALL: 'C.UTF-8', ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', ...env },
            stdio: ['ignore', 'pipe', 'pipe'],
            timeout: 60000,
        });
        let out = '';
        let err = '';
        child.stdout.on('data', (chunk) => (out += chunk));
        child.stderr.on('data', (chunk) => (err += chunk));
        child.on('close', (status) => done({ status, out, err }));
    });
}

const ROWS = { status: 'success', results: [{ schema: [{ name: 'n', data_type: 'Int', index: 0 }], rows: [[7]], row_count: 1, as_user: 'u' }], took: 1 };
const EXPIRED = { status: 'error', error: { code: 'TOKEN_EXPIRED', message: 'Invalid credentials' }, results: [], took: 0 };
const tokens = (n) => ({ user: { id: 'u', role: 'user' }, access_token: `access-${n}`, refresh_token: `refresh-${n}` });

/** Answers requests by `script`, in order: [path, status, body or function(response)]. */
async function withServer(script, work) {
    const seen = [];
    const server = createServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => (body += chunk));
        request.on('end', () => {
            const step = script[seen.length];
            seen.push({ path: request.url, token: request.headers.authorization, body });
            if (!step || step[0] !== request.url) {
                response.writeHead(500, { 'Content-Type': 'text/plain' }).end(`unexpected request ${seen.length}: ${request.url}`);
            } else if (typeof step[2] === 'function') {
                step[2](response, request);
            } else {
                response.writeHead(step[1], { 'Content-Type': 'application/json', ...step[3] }).end(JSON.stringify(step[2]));
            }
        });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    try {
        await work(server.address().port, seen);
        assert.equal(seen.length, script.length, 'number of requests');
    } finally {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
    }
}

async function test(name, work) {
    try {
        await work();
        console.log(`ok      ${name}`);
    } catch (error) {
        failures++;
        console.log(`FAILED  ${name}\n${error.message}`);
    }
}

const LOGIN = '/v1/api/auth/login';
const REFRESH = '/v1/api/auth/refresh';
const SQL = '/v1/api/sql';
const USER = ['--user', 'u', '--password', 'p', '--csv', '-c', 'SELECT 7 AS n'];

await test('expired_token_is_renewed_by_refresh_and_the_statement_repeated', () => withServer(
    [[LOGIN, 200, tokens(1)], [SQL, 401, EXPIRED], [REFRESH, 200, tokens(2)], [SQL, 200, ROWS]], async (port, seen) => {
        const { status, out } = await run(port, USER);
        assert.equal(status, 0);
        assert.equal(out, 'n\n7\n');
        assert.equal(seen[1].token, 'Bearer access-1');
        assert.equal(seen[2].token, 'Bearer refresh-1');
        assert.equal(seen[3].token, 'Bearer access-2');
        assert.equal(seen[1].body, seen[3].body);
    }));

await test('refused_refresh_is_followed_by_a_login', () => withServer(
    [[LOGIN, 200, tokens(1)], [SQL, 401, EXPIRED], [REFRESH, 401, { error: 'unauthorized', message: 'no' }], [LOGIN, 200, tokens(2)], [SQL, 200, ROWS]],
    async (port) => assert.equal((await run(port, USER)).status, 0)));

await test('token_that_expires_again_at_once_ends_with_status_4', () => withServer(
    [[LOGIN, 200, tokens(1)], [SQL, 401, EXPIRED], [REFRESH, 200, tokens(2)], [SQL, 401, EXPIRED]], async (port) => {
        const { status, err } = await run(port, USER);
        assert.equal(status, 4);
        assert.match(err, /TOKEN_EXPIRED/);
    }));

await test('expired_token_without_a_user_ends_with_status_4', () => withServer([[SQL, 401, EXPIRED]], async (port) => {
    const { status, err } = await run(port, ['--token', 't', '-c', 'SELECT 1']);
    assert.equal(status, 4);
    assert.match(err, /access token has expired/);
}));

await test('too_many_queries_are_asked_again_later', () => withServer(
    [[SQL, 429, { status: 'error', results: [], error: { code: 'RATE_LIMIT_EXCEEDED', message: 'slow down' } }], [SQL, 429, { error: 'RATE_LIMIT_EXCEEDED', message: 'slow down' }, { 'Retry-After': '1' }], [SQL, 200, ROWS]],
    async (port) => {
        const { status, out } = await run(port, ['--token', 't', '--csv', '-c', 'SELECT 7 AS n']);
        assert.equal(status, 0);
        assert.equal(out, 'n\n7\n');
    }));

await test('answer_in_chunks_and_pieces_is_put_together', () => withServer([[SQL, 200, (response) => {
    const text = JSON.stringify(ROWS);
    response.writeHead(200, { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' });
    for (const letter of text) response.write(letter);
    response.end();
}]], async (port) => assert.equal((await run(port, ['--token', 't', '--csv', '-c', 'x'])).out, 'n\n7\n')));

await test('connection_that_breaks_before_the_answer_is_not_asked_again', () => withServer(
    [[SQL, 0, (response, request) => request.socket.destroy()]], async (port) => {
        const { status, err } = await run(port, ['--token', 't', '-c', 'INSERT INTO a.t VALUES (1)']);
        assert.equal(status, 3);
        assert.match(err, /CONNECTION_LOST/);
    }));

await test('connection_that_was_closed_between_statements_is_replaced', () => withServer(
    [[SQL, 200, (response, request) => {
        response.writeHead(200, { 'Content-Type': 'application/json', Connection: 'keep-alive' }).end(JSON.stringify(ROWS), () => request.socket.destroy());
    }], [SQL, 200, ROWS]], async (port) => {
        const { status, out } = await run(port, ['--token', 't', '--csv', '-c', 'SELECT 1; SELECT 2']);
        assert.equal(status, 0);
        assert.equal(out, 'n\n7\nn\n7\n');
    }));

await test('silence_ends_after_the_timeout', () => withServer([[SQL, 0, () => {}]], async (port) => {
    const { status, err } = await run(port, ['--token', 't', '--timeout', '1', '-c', 'SELECT 1']);
    assert.equal(status, 3);
    assert.match(err, /TIMEOUT/);
}));

await test('text_of_a_proxy_is_shown_with_its_status', () => withServer(
    [[SQL, 0, (response) => response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad gateway</h1>')]], async (port) => {
        const { status, err } = await run(port, ['--token', 't', '-c', 'SELECT 1']);
        assert.equal(status, 1);
        assert.match(err, /HTTP_502: <h1>Bad gateway<\/h1>/);
    }));

await test('success_that_is_no_json_is_a_failure', () => withServer(
    [[SQL, 0, (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('welcome')]], async (port) => {
        const { status, out } = await run(port, ['--token', 't', '-c', 'SELECT 1']);
        assert.equal(status, 1);
        assert.equal(out, '');
    }));

await test('setup_that_is_required_is_told_with_status_4', () => withServer(
    [[LOGIN, 428, { error: 'setup_required', message: 'Server requires initial setup.' }]], async (port) => {
        const { status, err } = await run(port, USER);
        assert.equal(status, 4);
        assert.match(err, /auth\/setup/);
    }));

for (const [name, bytes] of [['nonsense', 'what?\r\n\r\n'], ['a_length_twice', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}'], ['an_end_in_the_middle', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status"']]) {
    await test(`answer_with_${name}_ends_with_status_3`, async () => {
        const server = createRawServer((socket) => {
            socket.on('data', () => socket.end(bytes));
            socket.on('error', () => {});
        });
        await new Promise((done) => server.listen(0, '127.0.0.1', done));
        const { status, err } = await run(server.address().port, ['--token', 't', '-c', 'SELECT 1']);
        server.close();
        assert.equal(status, 3, err);
    });
}

process.exit(failures > 0 ? 1 : 0);
