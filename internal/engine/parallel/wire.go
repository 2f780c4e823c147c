package parallel

import (
	"encoding/binary"
	"encoding/gob"
	"math"
	"net"
	"sync"
	"time"

	"shake/internal/engine"
)

// request is one call of rank 0.
type request struct {
	Op      op
	Hello   []byte // opCompile: the rank's training, see Worker
	Token   []byte // opCompile: how the ranks' devices meet
	Step    engine.Step
	Reset   bool // opMetrics; opProfile: on
	Lo, Hi  int
	Tensors []tensor
}

type op int

const (
	opBeat op = iota // a sign of life; no answer
	opCard           // another rank's first word, unasked
	opCompile
	opStep // no answer unless it fails
	opMetrics
	opEval
	opLogits
	opState
	opSetState
	opProfile
	opClose
)

// answer is another rank's message. Without Op it comes unasked.
type answer struct {
	Op      op
	Failed  string // why the rank cannot go on
	Stop    string // a signal that asks this rank to stop: the whole run should
	Save    bool   // a signal that asks for a checkpoint
	Card    string // opCard: the rank's, by UUID; "": not known
	Info    engine.Info
	Metrics engine.Metrics
	Tensors []tensor
	At      uint64 // opBeat: how far the rank's device has come, see Backend.Reached
	Work    uint64 // opBeat
}

// tensor is an engine.Tensor of float32 as bytes, which gob copies as they are.
type tensor struct {
	Name  string
	Shape []int
	Bytes []byte
}

func pack(ts []engine.Tensor) []tensor {
	out := make([]tensor, len(ts))
	for i, t := range ts {
		b := make([]byte, 0, 4*len(t.F32)+4*len(t.F64))
		for _, x := range t.F32 {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		for _, x := range t.F64 {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
		}
		out[i] = tensor{t.Name, t.Shape, b}
	}
	return out
}

func unpack(ts []tensor) []engine.Tensor {
	out := make([]engine.Tensor, len(ts))
	for i, t := range ts {
		out[i] = engine.Tensor{Name: t.Name, Shape: t.Shape, F32: make([]float32, len(t.Bytes)/4)}
		for j := range out[i].F32 {
			out[i].F32[j] = math.Float32frombits(binary.LittleEndian.Uint32(t.Bytes[4*j:]))
		}
	}
	return out
}

// line is one end of a connection. Any goroutine may send; one receives.
type line struct {
	conn net.Conn
	mu   sync.Mutex
	enc  *gob.Encoder
	dec  *gob.Decoder
}

func newLine(c net.Conn) *line {
	return &line{conn: c, enc: gob.NewEncoder(c), dec: gob.NewDecoder(c)}
}

func (l *line) send(v any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enc.Encode(v)
}

// Signs of life come every beat. After six beats without one, as the listener's own clock counts
// them, a rank is lost: a process that is stopped itself loses no other.
const (
	beat   = time.Second
	silent = 6
)
