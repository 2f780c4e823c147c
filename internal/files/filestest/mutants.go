// Package filestest spoils files for tests of readers. The mutants of the same files are always the
// same, so that every machine finds the same faults.
package filestest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"shake/internal/exhaustive"
)

// Number is the number of mutants that Mutants reads of a kind of file; make check reads ten times
// as many.
const Number = 25

const (
	// hang is the time after which a reader counts as endless. It is no measure of speed.
	hang = 2 * time.Minute
	// work is the processor time that a reader may take for a mutant.
	work = 2 * time.Second
)

// spent is the processor time of this process so far.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Mutants gives read one mutant of the seeds after the other. The test fails for a mutant if read
// panics, does not end, takes more than two seconds of the processor, or allocates in all more than
// four times the mutant's bytes plus allowance. It also fails for an error that told rejects; told
// may be nil. The mutant of a failure is kept as a file, and the failure names it.
func Mutants(t *testing.T, seeds [][]byte, allowance int, read func(b []byte) error, told func(err error) bool) {
	t.Helper()
	n := Number
	if exhaustive.On() {
		n *= 10
	}
	refused := 0
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		b := Mutate(r, seeds)
		fail := func(format string, args ...any) {
			file, err := os.CreateTemp("", "mutant-*")
			if err == nil {
				file.Write(b)
				file.Close()
				format += " (" + file.Name() + ")"
			}
			t.Errorf("mutant %d of %d bytes: "+format, append([]any{i, len(b)}, args...)...)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := spent()
		done := make(chan error, 1)
		panicked := make(chan any, 1)
		input := bytes.Clone(b)
		go func() {
			defer func() {
				if p := recover(); p != nil {
					panicked <- p
				}
			}()
			done <- read(input)
		}()
		var err error
		select {
		case err = <-done:
		case p := <-panicked:
			fail("panic: %v", p)
			continue
		case <-time.After(hang):
			fail("no end after %v", hang)
			return
		}
		if took := spent() - began; took > work {
			fail("%v of the processor", took)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > uint64(4*len(b)+allowance) {
			fail("%d bytes of memory", used)
		}
		if err != nil {
			refused++
			if told != nil && !told(err) {
				fail("an error without its place: %v", err)
			}
		}
	}
	if refused == 0 {
		t.Errorf("none of %d mutants was refused: they do not reach what is checked", n)
	}
}

// Mutate spoils one of the seeds in one to four ways: it changes bits, bytes and numbers, cuts a
// piece out, doubles a piece, inserts a piece of another seed, or cuts the end off.
func Mutate(r *rand.Rand, seeds [][]byte) []byte {
	b := bytes.Clone(seeds[r.IntN(len(seeds))])
	for range 1 + r.IntN(4) {
		if len(b) == 0 {
			return []byte{byte(r.Uint32())}
		}
		at := r.IntN(len(b))
		piece := 1 + r.IntN(min(len(b)-at, 64))
		switch r.IntN(9) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = "\x00\xff\x7f\x80\n\"{}[],:0-"[r.IntN(14)]
		case 2:
			b = b[:at]
		case 3:
			b = append(b[:at:at], b[at+piece:]...)
		case 4:
			b = append(b[:at+piece:at+piece], append(bytes.Clone(b[at:at+piece]), b[at+piece:]...)...)
		case 5:
			other := seeds[r.IntN(len(seeds))]
			if len(other) > 0 {
				from := r.IntN(len(other))
				b = append(b[:at:at], append(bytes.Clone(other[from:min(len(other), from+piece)]), b[at:]...)...)
			}
		case 6: // a number of bytes
			for k, x := range binary.LittleEndian.AppendUint64(nil, []uint64{0, 1, 1 << 31, 1<<31 - 1, 1 << 40, 1<<63 - 1, 1 << 63, 1<<64 - 1}[r.IntN(8)])[:min(8, len(b)-at)] {
				b[at+k] = x
			}
		case 7: // a number of digits
			if d := bytes.IndexAny(b[at:], "0123456789"); d >= 0 {
				at += d
				end := at
				for end < len(b) && b[end] >= '0' && b[end] <= '9' {
					end++
				}
				number := []string{"0", "-1", "9223372036854775807", "18446744073709551616", "1e999", "1e-999", "0.5", "00", "99999999999999999999999999"}[r.IntN(9)]
				b = append(b[:at:at], append([]byte(number), b[end:]...)...)
			}
		case 8:
			b = append(b, bytes.Repeat(b[at:at+piece], 1+r.IntN(200))...)
		}
	}
	return b
}
