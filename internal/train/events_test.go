package train

import (
	"encoding/binary"
	"math"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// event is a record as a reader of TensorBoard files sees it.
type event struct {
	wall    float64
	step    int64
	version string
	values  map[string]float32
}

// readEvents decodes a file by the format's description, independently of the code that wrote it.
func readEvents(t *testing.T, b []byte) []event {
	t.Helper()
	var events []event
	for len(b) > 0 {
		n := binary.LittleEndian.Uint64(b)
		if binary.LittleEndian.Uint32(b[8:]) != maskedCRC(b[:8]) || binary.LittleEndian.Uint32(b[12+n:]) != maskedCRC(b[12:12+n]) {
			t.Fatal("wrong checksum")
		}
		events = append(events, readEvent(t, b[12:12+n]))
		b = b[16+n:]
	}
	return events
}

func readEvent(t *testing.T, b []byte) event {
	e := event{values: map[string]float32{}}
	fields(t, b, func(n protowire.Number, v []byte, x uint64) {
		switch n {
		case 1:
			e.wall = math.Float64frombits(x)
		case 2:
			e.step = int64(x)
		case 3:
			e.version = string(v)
		case 5:
			fields(t, v, func(_ protowire.Number, v []byte, _ uint64) {
				var tag string
				var value float32
				fields(t, v, func(n protowire.Number, v []byte, x uint64) {
					if n == 1 {
						tag = string(v)
					} else {
						value = math.Float32frombits(uint32(x))
					}
				})
				e.values[tag] = value
			})
		}
	})
	return e
}

func fields(t *testing.T, b []byte, f func(n protowire.Number, v []byte, x uint64)) {
	t.Helper()
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal("no tag")
		}
		b = b[n:]
		var v []byte
		var x uint64
		switch typ {
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			x, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			x, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var y uint32
			y, n = protowire.ConsumeFixed32(b)
			x = uint64(y)
		}
		if n < 0 {
			t.Fatal("no value")
		}
		f(num, v, x)
		b = b[n:]
	}
}

// The masked CRC-32C of "123456789" (0xe3069283), by hand from the definition in
// tensorflow/core/lib/hash/crc32c.h.
func TestMaskedCRC(t *testing.T) {
	crc := uint32(0xe3069283)
	if have, want := maskedCRC([]byte("123456789")), ((crc>>15)|(crc<<17))+uint32(0xa282ead8); have != want {
		t.Errorf("have %#x, want %#x", have, want)
	}
}

func TestEvents(t *testing.T) {
	dir := tempDir(t)
	var l listener
	o := options(t, dir, "train.epochs=2", "train.max_steps=6", "train.log_steps=2")
	mustRun(t, o)
	o = options(t, dir, "train.epochs=2", "train.log_steps=2")
	o.Resume, o.Observer = true, &l
	mustRun(t, o)
	files := eventFiles(t, dir)
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	es := readEvents(t, b)
	if len(es) != 7 || es[0].version != "brain.Event:2" || math.Abs(es[0].wall-float64(time.Now().Unix())) > 3600 {
		t.Fatalf("have %+v", es)
	}
	last := es[6]
	if last.step != 8 || len(last.values) != 5 || last.values["test/error"] != float32(l.epochs[0].TestError) || last.values["train/loss"] != float32(l.epochs[0].TrainLoss) {
		t.Errorf("have %+v, want %+v", last, l.epochs[0])
	}
	if es[1].step != 2 || es[1].values["step/lr"] == 0 {
		t.Errorf("have %+v", es[1])
	}
}
