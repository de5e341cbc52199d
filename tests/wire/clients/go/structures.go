package main

import (
	"fmt"
	"sort"
	"time"

	hazelcast "github.com/hazelcast/hazelcast-go-client"
	"github.com/hazelcast/hazelcast-go-client/predicate"
	"github.com/hazelcast/hazelcast-go-client/types"
)

func structures() []check {
	var checks []check
	for _, more := range [][]check{queues(), lists(), sets(), multiMaps(), replicatedMaps(), rings(), others()} {
		checks = append(checks, more...)
	}
	return checks
}

// queue is a check over a queue that has the items; one whose kind is "bounded." holds 2.
func queue(kind string, run func(q *hazelcast.Queue) any, items ...any) func(t *bench) any {
	return func(t *bench) any {
		q := as(t.client.GetQueue(ctx, t.unique(kind)))
		if len(items) > 0 {
			as(q.AddAll(ctx, items...))
		}
		return run(q)
	}
}

func queues() []check {
	const bounded = "bounded."
	return []check{
		{"queue.offer_poll_in_order", queue("", func(q *hazelcast.Queue) any {
			return list(got(q.Add(ctx, "a")), got(q.Add(ctx, "b")), got(q.Peek(ctx)), got(q.Poll(ctx)), got(q.Poll(ctx)), got(q.Poll(ctx)), got(q.Peek(ctx)))
		})},
		{"queue.offer_when_full", queue(bounded, func(q *hazelcast.Queue) any {
			return list(got(q.Add(ctx, "c")), got(q.AddWithTimeout(ctx, "c", 100*time.Millisecond)), got(q.RemainingCapacity(ctx)))
		}, "a", "b")},
		{"queue.offer_waits_for_room", queue(bounded, func(q *hazelcast.Queue) any {
			offer := begin(func() any { return got(q.AddWithTimeout(ctx, "c", 20*time.Second)) })
			before := offer.state(300 * time.Millisecond)
			taken := got(q.Take(ctx))
			return list(before, taken, offer.get(), got(q.GetAll(ctx)))
		}, "a", "b")},
		{"queue.put_waits_for_room", queue(bounded, func(q *hazelcast.Queue) any {
			put := begin(func() any { return done(q.Put(ctx, "c")) })
			before := put.state(300 * time.Millisecond)
			as(q.Poll(ctx))
			put.get()
			return list(before, got(q.GetAll(ctx)))
		}, "a", "b")},
		{"queue.add_all_when_full", queue(bounded, func(q *hazelcast.Queue) any { return failure(q.AddAll(ctx, "a", "b", "c")) })},
		{"queue.poll_times_out", queue("", func(q *hazelcast.Queue) any { return got(q.PollWithTimeout(ctx, 100*time.Millisecond)) })},
		{"queue.take_waits", func(t *bench) any {
			take := begin(func() any { return got(as(t.client.GetQueue(ctx, t.unique(""))).Take(ctx)) })
			before := take.state(300 * time.Millisecond)
			as(as(t.other.GetQueue(ctx, t.unique(""))).Add(ctx, "a"))
			return list(before, take.get())
		}},
		{"queue.drain", queue("", func(q *hazelcast.Queue) any {
			return list(got(q.DrainWithMaxSize(ctx, 2)), got(q.Drain(ctx)), got(q.Drain(ctx)))
		}, "a", "b", "c")},
		{"queue.contains", queue("", func(q *hazelcast.Queue) any {
			return list(got(q.Contains(ctx, "b")), got(q.Contains(ctx, "x")), got(q.ContainsAll(ctx, "a", "c")), got(q.ContainsAll(ctx, "a", "x")))
		}, "a", "b", "c")},
		{"queue.remove", queue("", func(q *hazelcast.Queue) any {
			return list(got(q.Remove(ctx, "a")), got(q.Remove(ctx, "x")), got(q.GetAll(ctx)))
		}, "a", "b", "a")},
		{"queue.remove_all_and_retain_all", queue("", func(q *hazelcast.Queue) any {
			return list(got(q.RemoveAll(ctx, "a", "x")), got(q.GetAll(ctx)), got(q.RetainAll(ctx, "c")), got(q.RetainAll(ctx, "c")), got(q.GetAll(ctx)))
		}, "a", "b", "a", "c")},
		{"queue.size_clear", queue("", func(q *hazelcast.Queue) any {
			return list(got(q.Size(ctx)), got(q.IsEmpty(ctx)), done(q.Clear(ctx)), got(q.Size(ctx)), got(q.IsEmpty(ctx)))
		}, "a", "b", "c")},
		{"queue.remaining_capacity", queue("", func(q *hazelcast.Queue) any { return got(q.RemainingCapacity(ctx)) }, "a", "b", "c")},
		{"queue.listener", queue("", func(q *hazelcast.Queue) any {
			h := &heard{}
			id := as(q.AddItemListener(ctx, true, func(e *hazelcast.QueueItemNotified) { h.add(item(e.EventType, e.Value)) }))
			as(q.Add(ctx, "a"))
			as(q.Remove(ctx, "a"))
			told := h.gathered(2)
			try(q.RemoveListener(ctx, id))
			return told
		})},
	}
}

func item(kind hazelcast.ItemEventType, value any) string {
	if kind == hazelcast.ItemAdded {
		return "added " + text(value)
	}
	return "removed " + text(value)
}

// aList is a check over a list of a, b, c and b.
func aList(run func(x *hazelcast.List) any) func(t *bench) any {
	return func(t *bench) any {
		x := as(t.client.GetList(ctx, t.unique("")))
		as(x.AddAll(ctx, "a", "b", "c", "b"))
		return run(x)
	}
}

func lists() []check {
	return []check{
		{"list.add_at", aList(func(x *hazelcast.List) any {
			return list(done(x.AddAt(ctx, 1, "x")), done(x.AddAt(ctx, 5, "y")), failure[any](nil, x.AddAt(ctx, 9, "z")), got(x.GetAll(ctx)))
		})},
		{"list.add_all_at", aList(func(x *hazelcast.List) any { return list(got(x.AddAllAt(ctx, 1, "x", "y")), got(x.GetAll(ctx))) })},
		{"list.get", aList(func(x *hazelcast.List) any {
			return list(got(x.Get(ctx, 0)), got(x.Get(ctx, 3)), failure(x.Get(ctx, 4)), failure(x.Get(ctx, -1)))
		})},
		{"list.set", aList(func(x *hazelcast.List) any {
			return list(got(x.Set(ctx, 1, "x")), failure(x.Set(ctx, 4, "x")), got(x.GetAll(ctx)))
		})},
		{"list.index_of", aList(func(x *hazelcast.List) any {
			return list(got(x.IndexOf(ctx, "b")), got(x.LastIndexOf(ctx, "b")), got(x.IndexOf(ctx, "x")), got(x.LastIndexOf(ctx, "x")))
		})},
		{"list.contains", aList(func(x *hazelcast.List) any {
			return list(got(x.Contains(ctx, "a")), got(x.Contains(ctx, "x")), got(x.ContainsAll(ctx, "a", "c")), got(x.ContainsAll(ctx, "a", "x")))
		})},
		{"list.remove", aList(func(x *hazelcast.List) any {
			return list(got(x.Remove(ctx, "b")), got(x.Remove(ctx, "x")), got(x.GetAll(ctx)))
		})},
		{"list.remove_at", aList(func(x *hazelcast.List) any {
			return list(got(x.RemoveAt(ctx, 0)), failure(x.RemoveAt(ctx, 9)), got(x.GetAll(ctx)))
		})},
		{"list.remove_all_and_retain_all", aList(func(x *hazelcast.List) any {
			return list(got(x.RemoveAll(ctx, "b", "x")), got(x.RemoveAll(ctx, "x")), got(x.GetAll(ctx)), got(x.RetainAll(ctx, "c")), got(x.GetAll(ctx)))
		})},
		{"list.sub_list", aList(func(x *hazelcast.List) any {
			return list(got(x.SubList(ctx, 1, 3)), failure(x.SubList(ctx, 0, 9)), failure(x.SubList(ctx, 3, 1)))
		})},
		{"list.size_clear", aList(func(x *hazelcast.List) any {
			return list(got(x.Size(ctx)), got(x.IsEmpty(ctx)), done(x.Clear(ctx)), got(x.Size(ctx)), got(x.IsEmpty(ctx)))
		})},
		{"list.listener", aList(func(x *hazelcast.List) any {
			h := &heard{}
			as(x.AddListener(ctx, true, func(e *hazelcast.ListItemNotified) { h.add(item(e.EventType, e.Value)) }))
			as(x.Add(ctx, "d"))
			as(x.Remove(ctx, "a"))
			return h.gathered(2)
		})},
	}
}

// aSet is a check over a set of a, b and c.
func aSet(run func(s *hazelcast.Set) any) func(t *bench) any {
	return func(t *bench) any {
		s := as(t.client.GetSet(ctx, t.unique("")))
		as(s.AddAll(ctx, "a", "b", "c"))
		return run(s)
	}
}

func members(s *hazelcast.Set) said { return setOf(as(s.GetAll(ctx))) }

func sets() []check {
	return []check{
		{"set.add_all", aSet(func(s *hazelcast.Set) any {
			return list(got(s.AddAll(ctx, "a", "d")), got(s.AddAll(ctx, "a")), members(s))
		})},
		{"set.contains", aSet(func(s *hazelcast.Set) any {
			return list(got(s.Contains(ctx, "a")), got(s.Contains(ctx, "x")), got(s.ContainsAll(ctx, "a", "b")), got(s.ContainsAll(ctx, "a", "x")))
		})},
		{"set.remove", aSet(func(s *hazelcast.Set) any { return list(got(s.Remove(ctx, "a")), got(s.Remove(ctx, "a")), members(s)) })},
		{"set.remove_all_and_retain_all", aSet(func(s *hazelcast.Set) any {
			return list(got(s.RemoveAll(ctx, "a", "x")), got(s.RemoveAll(ctx, "x")), members(s), got(s.RetainAll(ctx, "c")), members(s))
		})},
		{"set.size_clear", aSet(func(s *hazelcast.Set) any {
			return list(got(s.Size(ctx)), got(s.IsEmpty(ctx)), done(s.Clear(ctx)), got(s.Size(ctx)), got(s.IsEmpty(ctx)))
		})},
		{"set.listener", aSet(func(s *hazelcast.Set) any {
			h := &heard{}
			as(s.AddItemListener(ctx, true, func(e *hazelcast.SetItemNotified) { h.add(item(e.EventType, e.Value)) }))
			as(s.Add(ctx, "d"))
			as(s.Remove(ctx, "a"))
			return h.gathered(2)
		})},
	}
}

// multi is a check over a multi map of three pairs; one whose kind is "listed." keeps lists.
func multi(kind string, run func(m *hazelcast.MultiMap) any) func(t *bench) any {
	return func(t *bench) any {
		m := as(t.client.GetMultiMap(ctx, t.unique(kind)))
		for _, pair := range [][2]string{{"a", "one"}, {"a", "two"}, {"b", "one"}} {
			as(m.Put(ctx, pair[0], pair[1]))
		}
		return run(m)
	}
}

func multiMaps() []check {
	return []check{
		{"multimap.put", multi("", func(m *hazelcast.MultiMap) any {
			return list(got(m.Put(ctx, "a", "one")), got(m.Put(ctx, "a", "three")), got(m.ValueCount(ctx, "a")), got(m.ValueCount(ctx, "x")), got(m.Size(ctx)))
		})},
		{"multimap.put_to_lists", multi("listed.", func(m *hazelcast.MultiMap) any {
			return list(got(m.Put(ctx, "a", "one")), got(m.Get(ctx, "a")), got(m.Size(ctx)))
		})},
		{"multimap.get", multi("", func(m *hazelcast.MultiMap) any { return list(setOf(as(m.Get(ctx, "a"))), setOf(as(m.Get(ctx, "x")))) })},
		{"multimap.remove", multi("", func(m *hazelcast.MultiMap) any {
			return list(got(m.RemoveEntry(ctx, "a", "one")), got(m.RemoveEntry(ctx, "a", "one")), setOf(as(m.Get(ctx, "a"))))
		})},
		{"multimap.remove_all", multi("", func(m *hazelcast.MultiMap) any {
			return list(setOf(as(m.Remove(ctx, "a"))), setOf(as(m.Remove(ctx, "a"))), got(m.ContainsKey(ctx, "a")), got(m.Size(ctx)))
		})},
		{"multimap.delete", multi("", func(m *hazelcast.MultiMap) any { return list(done(m.Delete(ctx, "a")), got(m.Size(ctx))) })},
		{"multimap.contains", multi("", func(m *hazelcast.MultiMap) any {
			return list(got(m.ContainsKey(ctx, "a")), got(m.ContainsKey(ctx, "x")), got(m.ContainsValue(ctx, "two")), got(m.ContainsValue(ctx, "x")),
				got(m.ContainsEntry(ctx, "b", "one")), got(m.ContainsEntry(ctx, "b", "two")))
		})},
		{"multimap.all", multi("", func(m *hazelcast.MultiMap) any {
			return list(setOf(as(m.GetKeySet(ctx))), setOf(as(m.GetValues(ctx))), setOf(as(m.GetEntrySet(ctx))))
		})},
		{"multimap.clear", multi("", func(m *hazelcast.MultiMap) any { return list(done(m.Clear(ctx)), got(m.Size(ctx))) })},
		{"multimap.lock", multi("", func(m *hazelcast.MultiMap) any {
			owner, other := m.NewLockContext(ctx), m.NewLockContext(ctx)
			try(m.Lock(owner, "a"))
			locked := list(got(m.IsLocked(ctx, "a")), got(m.TryLock(other, "a")), got(m.TryLockWithTimeout(other, "a", 100*time.Millisecond)),
				failure[any](nil, m.Unlock(other, "a")))
			try(m.Unlock(owner, "a"))
			return append(locked, got(m.TryLock(other, "a")), got(m.IsLocked(ctx, "a")))
		})},
	}
}

// replicated is a check over a replicated map of two entries.
func replicated(run func(m *hazelcast.ReplicatedMap) any) func(t *bench) any {
	return func(t *bench) any {
		m := as(t.client.GetReplicatedMap(ctx, t.unique("")))
		try(m.PutAll(ctx, types.NewEntry("a", "one"), types.NewEntry("b", "two")))
		until(func() bool { return as(m.Size(ctx)) == 2 })
		return run(m)
	}
}

func replicatedMaps() []check {
	return []check{
		{"replicated.remove", replicated(func(m *hazelcast.ReplicatedMap) any {
			return list(got(m.Remove(ctx, "a")), got(m.Remove(ctx, "a")), got(m.Size(ctx)))
		})},
		{"replicated.contains", replicated(func(m *hazelcast.ReplicatedMap) any {
			return list(got(m.ContainsKey(ctx, "a")), got(m.ContainsKey(ctx, "x")), got(m.ContainsValue(ctx, "two")), got(m.ContainsValue(ctx, "x")))
		})},
		{"replicated.all", replicated(func(m *hazelcast.ReplicatedMap) any {
			return list(setOf(as(m.GetKeySet(ctx))), setOf(as(m.GetValues(ctx))), entries(as(m.GetEntrySet(ctx))))
		})},
		{"replicated.size_clear", replicated(func(m *hazelcast.ReplicatedMap) any {
			return list(got(m.Size(ctx)), got(m.IsEmpty(ctx)), done(m.Clear(ctx)), got(m.Size(ctx)), got(m.IsEmpty(ctx)))
		})},
		{"replicated.listener_with_predicate", func(t *bench) any {
			h, m := &heard{}, as(t.client.GetReplicatedMap(ctx, t.unique("")))
			as(m.AddEntryListenerWithPredicate(ctx, predicate.Equal("this", "two"),
				func(e *hazelcast.EntryNotified) { h.add(line("added", e)) }))
			as(m.Put(ctx, "a", "one"))
			as(m.Put(ctx, "b", "two"))
			return h.gathered(1)
		}},
	}
}

// ring is a check over a ring buffer; of the kinds "small." and "kept." it holds 3, 10000 otherwise.
func ring(kind string, run func(r *hazelcast.Ringbuffer) any, items ...any) func(t *bench) any {
	return func(t *bench) any {
		r := as(t.client.GetRingbuffer(ctx, t.unique(kind)))
		if len(items) > 0 {
			as(r.AddAll(ctx, hazelcast.OverflowPolicyOverwrite, items...))
		}
		return run(r)
	}
}

func read(r *hazelcast.Ringbuffer, from int64, least, most int32) any {
	result := as(r.ReadMany(ctx, from, least, most, nil))
	items := make([]any, result.Size())
	for i := range items {
		items[i] = said(fmt.Sprintf("%d %s", as(result.GetSequence(i)), text(got(result.Get(i)))))
	}
	return said(fmt.Sprintf("%s read %d next %d", text(items), result.ReadCount(), result.GetNextSequenceToReadFrom()))
}

func rings() []check {
	const overwrite, fail = hazelcast.OverflowPolicyOverwrite, hazelcast.OverflowPolicyFail
	return []check{
		{"ringbuffer.empty", ring("", func(r *hazelcast.Ringbuffer) any {
			return list(got(r.Capacity(ctx)), got(r.Size(ctx)), got(r.HeadSequence(ctx)), got(r.TailSequence(ctx)), got(r.RemainingCapacity(ctx)))
		})},
		{"ringbuffer.add", ring("", func(r *hazelcast.Ringbuffer) any {
			return list(got(r.Add(ctx, "a", overwrite)), got(r.Add(ctx, "b", overwrite)), got(r.ReadOne(ctx, 0)), got(r.ReadOne(ctx, 1)),
				got(r.Size(ctx)), got(r.TailSequence(ctx)))
		})},
		{"ringbuffer.overwrites_the_oldest", ring("small.", func(r *hazelcast.Ringbuffer) any {
			return list(got(r.HeadSequence(ctx)), got(r.TailSequence(ctx)), got(r.Size(ctx)), failure(r.ReadOne(ctx, 0)), got(r.ReadOne(ctx, 1)))
		}, "a", "b", "c", "d")},
		{"ringbuffer.fail_policy_when_full", ring("kept.", func(r *hazelcast.Ringbuffer) any {
			return list(got(r.RemainingCapacity(ctx)), got(r.AddAll(ctx, fail, "c", "d")), got(r.Add(ctx, "c", fail)), got(r.Add(ctx, "d", fail)),
				got(r.Size(ctx)), got(r.RemainingCapacity(ctx)))
		}, "a", "b")},
		{"ringbuffer.read_one_waits", ring("", func(r *hazelcast.Ringbuffer) any {
			reading := begin(func() any { return got(r.ReadOne(ctx, 1)) })
			before := reading.state(300 * time.Millisecond)
			as(r.Add(ctx, "b", overwrite))
			return list(before, reading.get())
		}, "a")},
		{"ringbuffer.read_one_beyond_next", ring("", func(r *hazelcast.Ringbuffer) any { return failure(r.ReadOne(ctx, 5)) }, "a")},
		{"ringbuffer.read_many", ring("", func(r *hazelcast.Ringbuffer) any {
			return list(read(r, 0, 1, 2), read(r, 1, 0, 10), read(r, 3, 0, 10))
		}, "a", "b", "c")},
		{"ringbuffer.read_many_from_the_overwritten", ring("small.", func(r *hazelcast.Ringbuffer) any {
			return read(r, 0, 1, 3)
		}, "a", "b", "c", "d", "e")},
	}
}

func others() []check {
	return []check{
		{"topic.hears_what_is_said", func(t *bench) any {
			h, topic := &heard{}, as(t.client.GetTopic(ctx, t.unique("")))
			as(topic.AddMessageListener(ctx, func(e *hazelcast.MessagePublished) { h.add(text(e.Value)) }))
			try(topic.Publish(ctx, "one"))
			try(as(t.other.GetTopic(ctx, t.unique(""))).Publish(ctx, "two"))
			return h.gathered(2)
		}},
		{"topic.publish_all", func(t *bench) any {
			h, topic := &heard{}, as(t.client.GetTopic(ctx, t.unique("")))
			as(topic.AddMessageListener(ctx, func(e *hazelcast.MessagePublished) { h.add(text(e.Value)) }))
			try(topic.PublishAll(ctx, "one", "two", "three"))
			return h.gathered(3)
		}},
		{"pn_counter.all", func(t *bench) any {
			c := as(t.client.GetPNCounter(ctx, t.unique("")))
			return list(got(c.Get(ctx)), got(c.AddAndGet(ctx, 5)), got(c.GetAndAdd(ctx, 2)), got(c.SubtractAndGet(ctx, 3)),
				got(c.GetAndSubtract(ctx, 1)), got(c.IncrementAndGet(ctx)), got(c.GetAndIncrement(ctx)),
				got(c.DecrementAndGet(ctx)), got(c.GetAndDecrement(ctx)), got(c.Get(ctx)))
		}},
		{"flake_id.unique_and_rising", func(t *bench) any {
			generator, unique := as(t.client.GetFlakeIDGenerator(ctx, t.unique(""))), map[int64]bool{}
			var ids []int64
			for i := 0; i < 250; i++ {
				ids = append(ids, as(generator.NewID(ctx)))
				unique[ids[i]] = true
			}
			rising := sort.SliceIsSorted(ids, func(i, j int) bool { return ids[i] < ids[j] })
			return list(len(unique), rising, ids[0] > 0)
		}},
	}
}
