// harness.js - what the checks are given, and how they are run.
//
// A check is a named async function that returns a value; its line is "name: value". It gets a
// fresh `t`: objects that no other check uses, a second client, and patience.
'use strict';
const { Client } = require('hazelcast-client');
const { text, error } = require('./text');
const { serialization } = require('./types');

const PATIENCE_MS = 20000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A value that is printed as it is, because the check has made the text itself. */
class Said {
    constructor(words) {
        this.words = words;
    }
}
const said = (words) => new Said(words);

/** Waits until `condition` holds; the check goes on either way and shows what there is. */
async function until(condition) {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(50)) {
        if (await condition()) return true;
    }
    return false;
}

/** What came, once `count` came; a little later, so that one too many is seen as well. */
async function gathered(list, count) {
    await until(() => list.length >= count);
    await sleep(150);
    return said('[' + [...list].sort().join(', ') + ']');
}

/** "done", or "waiting" for a promise that has not ended within the time. */
async function state(promise, ms) {
    return Promise.race([
        promise.then(
            () => 'done',
            () => 'failed',
        ),
        sleep(ms).then(() => 'waiting'),
    ]);
}

/** The error that `promise` ends with, as a value. */
async function failure(promise) {
    try {
        return await promise;
    } catch (caught) {
        return said(error(caught));
    }
}

class Bench {
    constructor(address) {
        this.address = address;
        this.clients = [];
    }

    config(changes = {}) {
        return {
            clusterName: 'dev',
            network: { clusterMembers: [this.address] },
            connectionStrategy: { connectionRetry: { clusterConnectTimeoutMillis: 60000 } },
            properties: { 'hazelcast.logging.level': 'OFF' },
            serialization: serialization(),
            ...changes,
        };
    }

    /** A client of its own, shut down at the end if the check has not done so. */
    async connect(changes) {
        const client = await Client.newHazelcastClient(this.config(changes));
        this.clients.push(client);
        return client;
    }

    async close() {
        await Promise.all(this.clients.map((client) => client.shutdown()));
    }
}

function show(result) {
    if (result instanceof Said) return result.words;
    if (Array.isArray(result) && result.some((item) => item instanceof Said)) {
        return '[' + result.map(show).join(', ') + ']';
    }
    return text(result);
}

async function outcome(check, t) {
    const limit = sleep(60000).then(() => {
        throw new RangeError('a check that does not end');
    });
    try {
        return show(await Promise.race([check(t), limit]));
    } catch (caught) {
        if (process.env.VERBOSE) console.error(t.name, caught);
        return error(caught);
    }
}

/** Runs a table of checks, one after the other, and prints a line for each. */
async function run(bench, checks) {
    const client = await bench.connect();
    const other = await bench.connect();
    for (const [name, check] of Object.entries(checks)) {
        if (process.env.ONLY && !name.startsWith(process.env.ONLY)) continue;
        const unique = (kind = '') => `${kind}node.${name}`;
        const t = {
            bench,
            client,
            other,
            name,
            unique,
            map: (kind) => client.getMap(unique(kind)),
            sameMap: (kind) => other.getMap(unique(kind)),
        };
        console.log(`${name}: ${await outcome(check, t)}`);
    }
}

module.exports = { Bench, run, said, sleep, until, gathered, state, failure };
