// pn_counter.js - a counter is what was added to it.
//
// Where the client does not know what became of an addition it goes to another member with it,
// without a word, so that it may count twice: what is counted is at least all that was
// acknowledged, and at most all that was ever sent.
'use strict';

class PnCounter {
    constructor(run, place) {
        this.run = run;
        this.name = `node-counter-${place}`;
        this.done = this.sent = this.faults = 0;
    }

    async open() {
        this.counter = await this.run.client.getPNCounter(this.name);
        const send = this.counter.encodeInvokeOnTarget.bind(this.counter);
        this.counter.encodeInvokeOnTarget = (...words) => {
            this.sent += this.amount;
            return send(...words);
        };
    }

    workers() {
        return [this.run.work(() => this.add())];
    }

    async add() {
        this.amount = 1 + Math.floor(Math.random() * 5);
        try {
            const sum = (await this.counter.addAndGet(this.amount)).toNumber();
            this.done += this.amount;
            this.look(sum);
        } catch {
            // Nobody knows; it was sent.
        }
    }

    look(sum) {
        if (sum >= this.done && sum <= this.sent) return;
        this.faults++;
        this.run.complain(`${this.name}: ${sum}, not from ${this.done} to ${this.sent}`);
    }

    async close() {
        this.amount = 0;
        this.look((await this.run.atLast(() => this.counter.get())).toNumber());
    }

    static judge(run, counters) {
        const sum = (of) => counters.reduce((n, counter) => n + of(counter), 0);
        console.log(`counters: ${sum((c) => c.done)} added, ${sum((c) => c.sent)} sent`);
        console.log(`judged pn-counter ${sum((c) => c.faults)}`);
    }
}

module.exports = { PnCounter };
