// client.js HOST:PORT,... HISTORY - Hazelcast's own client uses a cluster while things happen to
// it, until it reads a line, "judge"; then it judges what it saw and ends.
//
//     judged NAME COUNT        so often a claim did not hold
//     anything else            for people
//
// What its registers and counters saw is written to the file HISTORY, for nemesis to judge. An error
// says here that nobody knows what was done, but of what only reads; that is less than a member
// tells, and is all that is said by the errors that the client makes itself.
'use strict';
const { Client } = require('hazelcast-client');
const { Registers, Counters, writeHistory } = require('./history');
const { Queue } = require('./queue');
const { List } = require('./list');
const { Set } = require('./set');
const { PnCounter } = require('./pn_counter');

const PLACES = 3; // of each kind of object, so that their partitions are led by different members
const PATIENCE_MS = 15000; // with workers that do not end, and with reads at the end that fail

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function config(addresses) {
    return {
        clusterName: 'dev',
        network: { clusterMembers: addresses.split(','), connectionTimeout: 1000 },
        connectionStrategy: { connectionRetry: { clusterConnectTimeoutMillis: -1 } },
        properties: {
            'hazelcast.logging.level': 'OFF',
            'hazelcast.client.heartbeat.interval': 500,
            'hazelcast.client.heartbeat.timeout': 5000, // longer than a member stands still
            'hazelcast.client.invocation.timeout.millis': 5000,
        },
    };
}

/** What the workers share: whether to go on, and how to be patient when all is over. */
class Run {
    constructor(client) {
        this.client = client;
        this.stopped = false;
        this.complaints = 0;
    }

    /** Does `act` again and again, with a user's pauses. */
    async work(act) {
        while (!this.stopped) {
            await act();
            await sleep(Math.random() * 10);
        }
    }

    /** Tries until it succeeds; the cluster is well, and may only need a moment. */
    async atLast(call) {
        for (const end = Date.now() + PATIENCE_MS; ; await sleep(20)) {
            try {
                return await call();
            } catch (error) {
                if (Date.now() > end) throw error;
            }
        }
    }

    complain(words) {
        if (this.complaints++ < 20) console.log(words);
    }
}

function line() {
    return new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve));
}

async function main(addresses, history) {
    const run = new Run(await Client.newHazelcastClient(config(addresses)));
    const kinds = [];
    for (const Kind of [Registers, Counters, Queue, List, Set, PnCounter]) {
        const objects = [];
        for (let i = 0; i < PLACES; i++) objects.push(new Kind(run, i));
        kinds.push({ Kind, objects });
    }
    const all = kinds.flatMap((kind) => kind.objects);
    for (const object of all) await object.open();
    const workers = all.flatMap((object) => object.workers());
    console.log('ready');
    await line();
    run.stopped = true;
    await Promise.race([Promise.all(workers), sleep(PATIENCE_MS)]);
    for (const object of all) await object.close();
    for (const { Kind, objects } of kinds) Kind.judge(run, objects);
    writeHistory(history);
    console.log('judged end 0');
}

main(process.argv[2], process.argv[3]).then(
    () => process.exit(0),
    (caught) => {
        console.log(`the other client: ${caught.stack}`);
        process.exit(1);
    },
);
