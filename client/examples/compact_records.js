// compact_records.js [HOST:PORT] - reads in Node.js what compact_records.c has written.
//
//     npm install hazelcast-client
//     node compact_records.js
'use strict';
const { Client, Predicates } = require('hazelcast-client');
const Long = require('long');

class Publisher {}
class Book {}

// A serializer joins a class to the name of a type. Whoever only reads needs no `write`.
const publisherSerializer = {
    getClass: () => Publisher,
    getTypeName: () => 'publisher',
    read: (reader) =>
        Object.assign(new Publisher(), {
            name: reader.readString('name'),
            city: reader.readString('city'),
        }),
    write() {},
};
const bookSerializer = {
    getClass: () => Book,
    getTypeName: () => 'book',
    read: (reader) =>
        Object.assign(new Book(), {
            title: reader.readString('title'),
            authors: reader.readArrayOfString('authors'),
            pages: reader.readInt32('pages'),
            rating: reader.readNullableFloat64('rating'),
            published: reader.readDate('published'),
            publisher: reader.readCompact('publisher'),
        }),
    write() {},
};

async function main(address) {
    const client = await Client.newHazelcastClient({
        clusterName: 'dev',
        network: { clusterMembers: [address] },
        properties: { 'hazelcast.logging.level': 'OFF' },
        serialization: { compact: { serializers: [publisherSerializer, bookSerializer] } },
    });
    const books = await client.getMap('books');

    // The keys are MR_I64, which is a Long here; a plain number would be another key.
    for (const id of [1, 2]) {
        const { title, authors, pages, rating, published, publisher } = await books.get(
            Long.fromNumber(id),
        );
        console.log(`read ${id}: ${title}, ${pages} pages, by ${authors.join(' and ')}`);
        console.log(`  rated ${rating}, published ${published}`);
        console.log(`  by ${publisher && `${publisher.name} in ${publisher.city}`}`);
    }
    const thick = await books.valuesWithPredicate(Predicates.sql('pages > 100'));
    console.log(`more than 100 pages: ${[...thick].map((book) => book.title)}`);
    await client.shutdown();
}

main(process.argv[2] || '127.0.0.1:5701');
