package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzJournal opens journals of any bytes at any length. The kept part is whole, no longer than the
// checkpoint says and a prefix of the earlier content, but for unreadable lines, which are blanked;
// an appended entry is read again.
func FuzzJournal(f *testing.F) {
	lines1 := []byte("{\"event\":\"step\",\"step\":1}\n{\"event\":\"epoch\",\"epoch\":1}\n")
	tfrecords := append(eventHeader(time.Unix(1, 0)), eventScalars(time.Unix(2, 0), 3, []scalar{{"step/loss", 1.5}})...)
	for _, seed := range [][]byte{nil, lines1, tfrecords, lines1[:30], tfrecords[:50], bytes.Repeat([]byte{0xff}, 40)} {
		f.Add(seed, int64(len(seed)), true)
		f.Add(seed, int64(len(seed)/2), false)
	}
	dir := tempDir(f)
	f.Fuzz(func(t *testing.T, b []byte, size int64, text bool) {
		if size < 0 {
			return // a checkpoint's check refuses this
		}
		file := filepath.Join(dir, "journal")
		if err := os.WriteFile(file, b, 0o666); err != nil {
			t.Fatal(err)
		}
		by := func() entries {
			if text {
				return &lines{}
			}
			return &records{}
		}
		j, err := openJournal(store{}, file, size, by())
		if err != nil {
			t.Fatal(err)
		}
		if j.size > size || j.size > int64(len(b)) || j.notice == "" && j.size != size {
			t.Fatalf("%d of %d bytes kept, the checkpoint says %d, notice %q", j.size, len(b), size, j.notice)
		}
		more := []byte("{\"event\":\"step\"}\n")
		if !text {
			more = eventScalars(time.Unix(3, 0), 4, nil)
		}
		if err := j.append(more); err != nil {
			t.Fatal(err)
		}
		sum, kept := j.digest(), j.size
		j.Close()
		if text {
			for line := range bytes.Lines(b[:kept-int64(len(more))]) {
				if _, _, err := parseLine[EpochRecord](line[:len(line)-1], "epoch"); err != nil {
					copy(line, bytes.Repeat([]byte(" "), len(line)-1))
				}
			}
		}
		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, append(b[:kept-int64(len(more)):kept-int64(len(more))], more...)) {
			t.Fatalf("%q, %v", have, err)
		}
		if j, err = openJournal(store{}, file, kept, by()); err != nil || j.notice != "" || j.digest() != sum {
			t.Fatalf("opened again: %v, %+v", err, j)
		}
		j.Close()
	})
}

// FuzzCounters reads counters of any text. Counters that pass the check allow a resume, and are
// written in the form in which they were read.
func FuzzCounters(f *testing.F) {
	good, _ := json.Marshal(counters{Step: 11, Epochs: 2, Epoch: sums{24, 30, 7}, Window: sums{8, 9, 3}, MetricsBytes: 500, EventsBytes: 900})
	for _, seed := range []string{string(good), "{}", "null", "[]", `{"step":1e9}`, `{"step":-1,"epochs":0,"epoch":{},"window":{},"metrics_bytes":0,"events_bytes":0}`} {
		f.Add(seed, 11)
	}
	l := length{4, 4, 8, 29}
	f.Fuzz(func(t *testing.T, text string, step int) {
		k, err := parseCounters(text)
		if err != nil || k.check(step, l) != nil {
			return
		}
		if k.Step < 0 || k.Step > 16 || k.Epochs < 0 || k.Epochs > 4 || k.Step-k.Epochs*4 > 4 || k.Epoch.Images > 29 || k.MetricsBytes < 0 {
			t.Errorf("%s passes: %+v", text, k)
		}
		b, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseCounters(string(b)); err != nil || again != k {
			t.Errorf("%+v becomes %+v, %v", k, again, err)
		}
	})
}

// FuzzCheckpoint reads checkpoints with any metadata and the right checksum. One that is read has
// counters that can be; any other is *Corrupt or *Later and names the file.
func FuzzCheckpoint(f *testing.F) {
	good, _ := json.Marshal(counters{Step: 11, Epochs: 2, Epoch: sums{24, 30, 7}, Window: sums{8, 9, 3}, MetricsBytes: 500, EventsBytes: 900})
	for _, k := range []string{string(good), "{}", `{"step":11}`} {
		for _, number := range []string{"", "1", "2", "3", "-1", "99999999999999999999"} {
			f.Add(k, number, `{"config":"seed = 1"}`)
		}
	}
	f.Add(string(good), "2", "{}")
	c := checkpoints{dir: tempDir(f), of: length{4, 4, 8, 29}}
	path := c.path(11)
	f.Fuzz(func(t *testing.T, k, number, experiment string) {
		meta := map[string]string{countersKey: k, experimentKey: experiment}
		if number != "" {
			meta[formatKey] = number
		}
		if err := os.WriteFile(path, encoded(t, meta), 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := c.read(path)
		var bad *Corrupt
		var later *Later
		switch {
		case err == nil && (p.Step != 11 || p.check(11, c.of) != nil):
			t.Fatalf("read as %+v", p.counters)
		case err != nil && !errors.As(err, &bad) && !errors.As(err, &later), bad != nil && bad.File != path, later != nil && later.File != path:
			t.Fatal(err)
		}
	})
}

// FuzzEpochs reads metrics.jsonl of any content: every epoch that is read can be written and read
// again.
func FuzzEpochs(f *testing.F) {
	line := `{"event":"epoch","epoch":1,"step":4,"train_loss":1.5,"train_error":50,"test_loss":null,"test_error":40,"test_images":10,"lr":0.1}` + "\n"
	for _, seed := range []string{line, line + line[:40], "\n\n", `{"event":"epoch","epoch":1e99}`, `{"event":"step"}` + "\n" + line, "\x00\xff"} {
		f.Add([]byte(seed))
	}
	file := filepath.Join(tempDir(f), MetricsFile)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(file, b, 0o666); err != nil {
			t.Fatal(err)
		}
		epochs, err := ReadEpochs(filepath.Dir(file), &Record{Epochs: 1})
		var bad *Corrupt
		if err != nil && (!errors.As(err, &bad) || bad.File != file) || err == nil && len(epochs) == 0 {
			t.Fatalf("%d epochs, %v", len(epochs), err)
		}
		for _, e := range epochs {
			text, err := json.Marshal(e)
			var again EpochRecord
			if err != nil || json.Unmarshal(text, &again) != nil || again.Epoch != e.Epoch || again.Step != e.Step || again.TestImages != e.TestImages {
				t.Fatalf("%s becomes %+v, %v", b, again, err)
			}
		}
	})
}
