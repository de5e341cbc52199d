// set.js - an item that nobody else has is added to a set: it is new, and is there at the end.
'use strict';

const ITEMS = 500; // in a set; then another takes its place

class Set {
    constructor(run, place) {
        this.run = run;
        this.place = place;
        this.sets = [];
        this.faults = 0;
    }

    async open() {
        const name = `node-set-${this.place}-${this.sets.length}`;
        this.now = { name, set: await this.run.client.getSet(name), added: [], begun: 0 };
        this.sets.push(this.now);
    }

    workers() {
        return [this.run.work(() => this.add())];
    }

    async add() {
        try {
            if (this.now.begun >= ITEMS) await this.open();
            const now = this.now;
            const item = now.begun++;
            if (await now.set.add(item)) now.added.push(item);
            else this.fault(`${now.name}: ${item} was there before it was added`);
        } catch {
            // Nobody knows, and nothing is asked of it.
        }
    }

    fault(words) {
        this.faults++;
        this.run.complain(words);
    }

    async close() {
        for (const now of this.sets) {
            const items = await this.run.atLast(() => now.set.toArray());
            for (const item of now.added)
                if (!items.includes(item)) this.fault(`${now.name}: ${item} is lost`);
            if (new globalThis.Set(items).size !== items.length)
                this.fault(`${now.name}: an item is there twice`);
        }
    }

    static judge(run, places) {
        const sets = places.flatMap((place) => place.sets);
        const items = sets.reduce((n, now) => n + now.added.length, 0);
        console.log(`sets: ${items} items acknowledged in ${sets.length} sets`);
        console.log(`judged set ${places.reduce((n, place) => n + place.faults, 0)}`);
    }
}

module.exports = { Set };
