package train

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Scalars for TensorBoard: a file of TFRecords, each a protobuf message tensorflow.Event. Field
// numbers are those of tensorflow/core/util/event.proto and framework/summary.proto.
const (
	eventWallTime    protowire.Number = 1 // double, seconds
	eventStep        protowire.Number = 2 // int64
	eventFileVersion protowire.Number = 3 // string
	eventSummary     protowire.Number = 5 // Summary
	summaryValue     protowire.Number = 1 // Summary.Value
	valueTag         protowire.Number = 1 // string
	valueSimple      protowire.Number = 2 // float
)

// scalar is one point of a TensorBoard curve.
type scalar struct {
	tag   string
	value float64
}

// eventHeader is the first record of every event file.
func eventHeader(wall time.Time) []byte {
	b := appendWall(nil, wall)
	b = protowire.AppendTag(b, eventFileVersion, protowire.BytesType)
	b = protowire.AppendString(b, "brain.Event:2")
	return record(b)
}

// eventScalars is one record with the values of several curves at one step.
func eventScalars(wall time.Time, step int, values []scalar) []byte {
	var sum []byte
	for _, v := range values {
		var val []byte
		val = protowire.AppendTag(val, valueTag, protowire.BytesType)
		val = protowire.AppendString(val, v.tag)
		val = protowire.AppendTag(val, valueSimple, protowire.Fixed32Type)
		val = protowire.AppendFixed32(val, math.Float32bits(float32(v.value)))
		sum = protowire.AppendTag(sum, summaryValue, protowire.BytesType)
		sum = protowire.AppendBytes(sum, val)
	}
	b := appendWall(nil, wall)
	b = protowire.AppendTag(b, eventStep, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(step))
	b = protowire.AppendTag(b, eventSummary, protowire.BytesType)
	b = protowire.AppendBytes(b, sum)
	return record(b)
}

func appendWall(b []byte, wall time.Time) []byte {
	b = protowire.AppendTag(b, eventWallTime, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(float64(wall.UnixNano())/1e9))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's checksum: CRC-32C rotated and shifted by a constant, so that the checksum
// of data with embedded checksums stays meaningful.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// record frames a message: length, masked CRC of the length, message, masked CRC of the message,
// all little endian.
func record(msg []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(msg)))
	b = binary.LittleEndian.AppendUint32(b, maskedCRC(b))
	b = append(b, msg...)
	return binary.LittleEndian.AppendUint32(b, maskedCRC(msg))
}

// recordLength reads the first twelve bytes of a record: the length of its message. A length above
// that of any record of a run is refused.
func recordLength(head []byte) (n int, ok bool) {
	long := binary.LittleEndian.Uint64(head)
	return int(long), long <= 1<<20 && binary.LittleEndian.Uint32(head[8:]) == maskedCRC(head[:8])
}

// recordSound checks the message of a whole record.
func recordSound(b []byte) bool {
	end := len(b) - 4
	return binary.LittleEndian.Uint32(b[end:]) == maskedCRC(b[12:end])
}

// epochScalars are the curves of an epoch.
func epochScalars(r EpochRecord) []scalar {
	s := []scalar{{"train/loss", r.TrainLoss}, {"train/error", r.TrainError}, {"train/lr", r.LR}}
	if r.TestImages > 0 {
		s = append(s, scalar{"test/loss", r.TestLoss}, scalar{"test/error", r.TestError})
	}
	if r.ValImages > 0 {
		s = append(s, scalar{"validation/loss", r.ValLoss}, scalar{"validation/error", r.ValError})
	}
	return s
}

// stepScalars are the curves of single steps.
func stepScalars(r StepRecord) []scalar {
	return []scalar{{"step/loss", r.Loss}, {"step/error", 100 * float64(r.Errors) / float64(r.Images)}, {"step/lr", r.LR}}
}
