// Reads histories, each behind a line {"history":NAME,"verdict":"good" or "bad"}, and has Porcupine
// judge them. Without a verdict a history is to be good. Prints those on which it says something
// else, and the sum.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A line of the file: the beginning of a history, or an event.
type line struct {
	History *string
	Verdict string

	P   int
	Ty  string
	F   string
	K   string
	V   json.RawMessage
	Old json.RawMessage
}

// A value is its JSON text: null, 5, [1,2]. What was not said is "".
type input struct{ f, key, value, old string }
type output string

func number(value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0 // null, or a list
	}
	return n
}

func appended(value, item string) string {
	if !strings.HasPrefix(value, "[") || value == "[]" {
		return "[" + item + "]"
	}
	return strings.TrimSuffix(value, "]") + "," + item + "]"
}

// What is done to a value, and what is said then; "" where nothing is.
func do(state string, in input) (said, next string) {
	switch in.f {
	case "get":
		return state, state
	case "put":
		return "", in.value
	case "cas":
		if state == in.old {
			return state, in.value
		}
		return state, state
	case "del":
		return "", "null"
	case "incr":
		sum := strconv.FormatInt(number(state)+number(in.value), 10)
		return sum, sum
	case "append":
		return "", appended(state, in.value)
	}
	panic("a call that there is not: " + in.f)
}

var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		keys := map[string][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(input).key
			keys[key] = append(keys[key], op)
		}
		parts := [][]porcupine.Operation{}
		for _, part := range keys {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() interface{} { return "null" },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		said, next := do(state.(string), in.(input))
		answered := string(out.(output))
		return answered == "" || said == "" || answered == said, next
	},
}

type history struct {
	name, verdict string
	operations    []porcupine.Operation
	open          map[int]int // by process: the operation that is under way
	dropped       map[int]bool
	events        int64
}

func (h *history) add(l line) {
	h.events++
	if l.Ty == "inv" {
		h.open[l.P] = len(h.operations)
		h.operations = append(h.operations, porcupine.Operation{ClientId: l.P, Call: h.events,
			Return: math.MaxInt64, Output: output(""),
			Input: input{l.F, l.K, string(l.V), string(l.Old)}})
		return
	}
	at := h.open[l.P]
	delete(h.open, l.P)
	op := &h.operations[at]
	switch l.Ty {
	case "fail":
		h.dropped[at] = true
	case "info":
	case "ok":
		op.Return = h.events
		op.Output = output(l.V)
		if l.F == "cas" {
			op.Output = output(l.Old)
		}
	}
}

func (h *history) isAsExpected() bool {
	operations := []porcupine.Operation{}
	for i, op := range h.operations {
		untold := op.Return == math.MaxInt64 && op.Input.(input).f == "get"
		if !h.dropped[i] && !untold {
			operations = append(operations, op)
		}
	}
	result := porcupine.CheckOperationsTimeout(model, operations, time.Minute)
	said := map[porcupine.CheckResult]string{porcupine.Ok: "good", porcupine.Illegal: "bad"}[result]
	if said == h.verdict {
		return true
	}
	fmt.Printf("%s: Porcupine says %s, we say %s\n", h.name, result, h.verdict)
	return false
}

func main() {
	var h *history
	good, bad := 0, 0
	end := func() {
		if h == nil {
		} else if h.isAsExpected() {
			good++
		} else {
			bad++
		}
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			fmt.Println("not understood:", err)
			os.Exit(2)
		}
		if l.History != nil {
			end()
			if l.Verdict == "" {
				l.Verdict = "good"
			}
			h = &history{name: *l.History, verdict: l.Verdict, open: map[int]int{},
				dropped: map[int]bool{}}
		} else {
			h.add(l)
		}
	}
	end()
	fmt.Printf("%d passed, %d failed\n", good, bad)
	if bad > 0 || in.Err() != nil {
		os.Exit(1)
	}
}
