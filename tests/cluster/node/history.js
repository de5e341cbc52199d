// history.js - registers and counters in a map, and what was seen of them as the lines that
// tests/sim/history.h describes.
'use strict';
const { writeFileSync } = require('fs');

const CLIENTS = 2; // of each place: more at once makes judging dearer
const KEY_CALLS = 800; // of a key; then another takes its place
const KEY_UNKNOWN = 3;

const lines = [];
const keys = []; // by number: { calls, unknown }
let processes = 0;
let lastValue = 0;

function writeDown(event) {
    lines.push(JSON.stringify({ t: Number(process.hrtime.bigint()), ...event }));
}

function writeHistory(path) {
    writeFileSync(path, lines.map((line) => line + '\n').join(''));
}

/** One hot key of a map, and the clients of it. What they do, a subclass says in `ask`. */
class Place {
    constructor(run) {
        this.run = run;
        this.keys = [];
        this.nextKey();
    }

    async open() {
        this.map = await this.run.client.getMap('node-history');
    }

    nextKey() {
        this.key = keys.length;
        keys.push({ calls: 0, unknown: 0 });
        this.keys.push(this.key);
    }

    workers() {
        return Array.from({ length: CLIENTS }, () => {
            const client = { process: processes++, known: null, key: -1 };
            return this.run.work(() => this.act(client));
        });
    }

    async act(client) {
        const { calls, unknown } = keys[this.key];
        if (calls >= KEY_CALLS || unknown >= KEY_UNKNOWN) this.nextKey();
        if (client.key !== this.key) Object.assign(client, { key: this.key, known: null });
        await this.call(client, this.ask(client));
    }

    /** `asked`: { f, v, old, go }; go does it and says what comes of it, { ty, v, old }. */
    async call(client, { go, ...asked }) {
        const key = client.key;
        const same = { f: asked.f, k: `r${key}` };
        keys[key].calls++;
        writeDown({ p: client.process, ty: 'inv', ...same, v: asked.v, old: asked.old });
        const end = await go(key);
        writeDown({ p: client.process, ...same, ...end });
        if (end.ty !== 'info') return;
        keys[key].unknown++;
        client.process = processes++;
    }

    get(client) {
        const go = async (key) => {
            try {
                client.known = await this.map.get(key);
                return { ty: 'ok', v: client.known };
            } catch {
                return { ty: 'fail' };
            }
        };
        return { f: 'get', go };
    }

    async close() {
        for (const key of this.keys) {
            const client = { process: processes++, key };
            const go = async () => ({
                ty: 'ok',
                v: await this.run.atLast(() => this.map.get(key)),
            });
            await this.call(client, { f: 'get', go });
        }
    }

    static judge() {} // nemesis does, with its own checker
}

class Registers extends Place {
    ask(client) {
        const dice = Math.random();
        if (dice < 0.4) return this.get(client);
        const v = ++lastValue;
        const old = client.known;
        const cas = dice < 0.7 && old !== null;
        const go = async (key) => {
            client.known = null;
            try {
                if (!cas) await this.map.set(key, v);
                else if (!(await this.map.replaceIfSame(key, old, v))) return { ty: 'fail' };
            } catch {
                return { ty: 'info' };
            }
            client.known = v;
            return { ty: 'ok' };
        };
        return cas ? { f: 'cas', v, old, go } : { f: 'put', v, go };
    }
}

class Counters extends Place {
    ask() {
        return { f: 'incr', v: 1, go: (key) => this.addOne(key) };
    }

    /** Reads and replaces until nobody was faster. */
    async addOne(key) {
        let writing = false;
        try {
            while (!this.run.stopped) {
                writing = false;
                const sum = await this.map.get(key);
                writing = true;
                const done =
                    sum === null
                        ? (await this.map.putIfAbsent(key, 1)) === null
                        : await this.map.replaceIfSame(key, sum, sum + 1);
                if (done) return { ty: 'ok', v: sum + 1 };
            }
        } catch {
            if (writing) return { ty: 'info' };
        }
        return { ty: 'fail' };
    }
}

module.exports = { Registers, Counters, writeHistory };
