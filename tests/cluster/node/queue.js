// queue.js - what is offered is polled once, in the order in which it was offered, and is still
// there if nobody has polled it.
//
// A producer offers one item after the other. When nobody knows what became of one it goes on as
// another producer, because that item may come in later. A poll of which nobody knows may have
// taken an item with it.
'use strict';

const CONSUMERS = 2;
let producers = 0;

class Queue {
    constructor(run, place) {
        this.run = run;
        this.name = `node-queue-${place}`;
        this.fates = new Map(); // of items: 'begun', 'done' or 'refused'
        this.polled = new Map(); // how often, by item
        this.newest = new Map(); // polled, by producer
        this.unknownPolls = this.twice = this.unordered = this.left = 0;
        this.newProducer();
    }

    async open() {
        this.queue = await this.run.client.getQueue(this.name);
    }

    newProducer() {
        this.producer = producers++;
        this.offered = 0;
    }

    workers() {
        const workers = [this.run.work(() => this.offer())];
        for (let i = 0; i < CONSUMERS; i++) workers.push(this.run.work(() => this.poll(i * 20)));
        return workers;
    }

    async offer() {
        const item = `${this.producer}:${this.offered++}`;
        this.fates.set(item, 'begun');
        try {
            this.fates.set(item, (await this.queue.offer(item)) ? 'done' : 'refused');
        } catch {
            this.newProducer();
        }
    }

    async poll(waitMs) {
        const before = new Map(this.newest);
        let item = null;
        try {
            item = await this.queue.poll(waitMs);
        } catch {
            this.unknownPolls++;
            return true;
        }
        if (item !== null) this.see(item, before);
        return item !== null;
    }

    /** before: what had been polled when the poll began that gave it. */
    see(item, before) {
        const [producer, n] = item.split(':').map(Number);
        const times = (this.polled.get(item) || 0) + 1;
        this.polled.set(item, times);
        if (times > 1 || !this.fates.has(item)) {
            this.twice++;
            this.run.complain(`${this.name}: ${item} is polled ${times} times`);
        }
        if (n < (before.get(producer) ?? -1)) {
            this.unordered++;
            this.run.complain(`${this.name}: ${item} comes after ${before.get(producer)}`);
        }
        this.newest.set(producer, Math.max(n, this.newest.get(producer) ?? -1));
    }

    /** Polls what is left. */
    async close() {
        const polled = this.polled.size;
        while (await this.poll(0));
        while ((await this.run.atLast(() => this.queue.size())) > 0) await this.poll(0);
        this.left = this.polled.size - polled;
    }

    lost() {
        const missing = [];
        let revived = 0;
        for (const [item, fate] of this.fates) {
            if (fate === 'done' && !this.polled.has(item)) missing.push(item);
            if (fate === 'refused' && this.polled.has(item)) revived++;
        }
        const lost = Math.max(0, missing.length - this.unknownPolls);
        if (lost > 0)
            this.run.complain(
                `${this.name}: lost are ${missing}, of ${this.unknownPolls} polls nobody knows`,
            );
        return lost + revived;
    }

    static judge(run, queues) {
        const sum = (of) => queues.reduce((n, queue) => n + of(queue), 0);
        console.log(
            `queues: ${sum((q) => q.fates.size)} items offered, ${sum((q) => q.polled.size)} polled,` +
                ` ${sum((q) => q.left)} of them at the end;` +
                ` of ${sum((q) => q.unknownPolls)} polls nobody knows`,
        );
        console.log(`judged queue-once ${sum((q) => q.twice)}`);
        console.log(`judged queue-order ${sum((q) => q.unordered)}`);
        console.log(`judged queue-kept ${sum((q) => q.lost())}`);
    }
}

module.exports = { Queue };
