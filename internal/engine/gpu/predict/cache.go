package predict

import (
	"container/list"
)

// cache is the model of the card's L2: it keeps the tensors touched last, by their lanes, and as
// much of the least recent one as has room.
type cache struct {
	room, used float64
	order      *list.List // of *held, the least recent first
	at         map[int]*list.Element
}

// held is the part of a tensor in the cache.
type held struct {
	tensor int
	lanes  map[int]float64 // bytes by lane
	bytes  float64
}

func newCache(room float64) *cache {
	return &cache{room: room, order: list.New(), at: map[int]*list.Element{}}
}

// touch reads or writes lanes of a tensor and returns the bytes of them that the cache held.
func (c *cache) touch(s Span) (hit float64) {
	e := c.at[s.Tensor]
	if e == nil {
		e = c.order.PushBack(&held{tensor: s.Tensor, lanes: map[int]float64{}})
		c.at[s.Tensor] = e
	}
	c.order.MoveToBack(e)
	h := e.Value.(*held)
	for lane := s.First; lane < s.First+s.Lanes; lane++ {
		hit += h.lanes[lane]
		c.used += s.LaneBytes - h.lanes[lane]
		h.bytes += s.LaneBytes - h.lanes[lane]
		h.lanes[lane] = s.LaneBytes
	}
	c.evict()
	return hit
}

// evict makes room.
func (c *cache) evict() {
	for c.used > c.room {
		e := c.order.Front()
		h := e.Value.(*held)
		over := c.used - c.room
		if over >= h.bytes && c.order.Len() > 1 {
			c.used -= h.bytes
			c.order.Remove(e)
			delete(c.at, h.tensor)
			continue
		}
		left := (h.bytes - over) / h.bytes
		for lane := range h.lanes {
			h.lanes[lane] *= left
		}
		h.bytes -= over
		c.used -= over
		return
	}
}
