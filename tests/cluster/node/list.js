// list.js - what is added to a list stays where it is, and all who read the list agree.
//
// Nothing is ever taken out, so the list that is read last says in which order all was added, and
// every other read has to be the beginning of it. Whatever has ended says how long the list was at
// least: an item that was added up to itself, a read as far as it goes. What began after that has
// to find the list so long.
'use strict';

const ITEMS = 300; // in a list; then another takes its place
const ADDERS = 2;

class List {
    constructor(run, place) {
        this.run = run;
        this.place = place;
        this.lists = [];
        this.faults = 0;
    }

    async open() {
        const name = `node-list-${this.place}-${this.lists.length}`;
        this.now = { name, list: await this.run.client.getList(name), items: 0, events: [] };
        this.lists.push(this.now);
    }

    workers() {
        const workers = [this.run.work(() => this.read())];
        for (let i = 0; i < ADDERS; i++) workers.push(this.run.work(() => this.add()));
        return workers;
    }

    /** Writes down when it began and, if that is known, when it ended. */
    async call(now, call, go) {
        now.events.push({ begins: call });
        try {
            call.answer = await go();
            now.events.push({ ends: call });
        } catch {
            call.unknown = true;
        }
    }

    async add() {
        if (this.now.items >= ITEMS && !this.opening)
            this.opening = this.open().catch(() => {}).then(() => (this.opening = null));
        const now = this.now;
        const item = now.items++;
        await this.call(now, { item }, () => now.list.add(item));
    }

    async read() {
        const now = this.now;
        await this.call(now, { read: true }, () => now.list.toArray());
    }

    async close() {
        for (const now of this.lists) {
            now.last = await this.run.atLast(() => now.list.toArray());
            this.faults += this.judgeList(now);
        }
    }

    complain(now, words) {
        this.run.complain(`${now.name}: ${words}`);
        return 1;
    }

    judgeList(now) {
        const at = new Map(now.last.map((item, i) => [item, i]));
        let length = 0;
        let faults = 0;
        if (at.size !== now.last.length) faults += this.complain(now, 'an item is there twice');
        for (const { begins, ends } of now.events) {
            if (begins) begins.length = length;
            if (!ends) continue;
            const reaches = ends.read ? ends.answer.length : at.get(ends.item) + 1;
            if (!ends.read && !at.has(ends.item))
                faults += this.complain(now, `${ends.item} is lost`);
            else if (reaches <= ends.length - (ends.read ? 1 : 0))
                faults += this.complain(now, `${JSON.stringify(ends).slice(-60)}: comes too early`);
            if (ends.read && ends.answer.some((item, i) => item !== now.last[i]))
                faults += this.complain(now, `${ends.answer} was read, at last ${now.last}`);
            length = Math.max(length, reaches || 0);
        }
        return faults;
    }

    static judge(run, places) {
        const lists = places.flatMap((place) => place.lists);
        const items = lists.reduce((n, now) => n + now.last.length, 0);
        console.log(`lists: ${items} items in ${lists.length} lists`);
        console.log(`judged list ${places.reduce((n, place) => n + place.faults, 0)}`);
    }
}

module.exports = { List };
