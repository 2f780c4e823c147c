package launch

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Deadline is the usual longest time that ranks wait for each other.
const Deadline = 5 * time.Minute

// patience is the time after which Meet names the ranks that are missing; again is the time between
// two such words.
var patience, again = 5 * time.Second, time.Minute

// The greeting: rank 0 sends a nonce of 32 bytes. The other side answers with its rank and world, a
// nonce of its own, and the proof that it knows the secret; rank 0 with a byte for yes or no, the
// number of ranks that it knows, and a proof of its own. A proof is HMAC-SHA256 by the secret over
// the nonces and numbers.
const (
	nonceBytes = 32
	helloBytes = 4 + 4 + nonceBytes + sha256.Size
	replyBytes = 1 + 4 + sha256.Size
	tries      = 4 // ports

	stranger, welcome, contradiction = 0, 1, 2 // rank 0's answers; a stranger gets no more
)

// differentError is a rank of the job that believes in another number of ranks, or in no rank.
type differentError struct{ rank, world, own int }

func (e *differentError) Error() string {
	return fmt.Sprintf("launch: a process says that it is rank %d of %d, and rank 0 that there are %d ranks: start all with the same number", e.rank, e.world, e.own)
}

func proof(secret, who string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	io.WriteString(m, "shake "+who)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// ports are the ports to try: the one that was given, or some that the job's secret and host
// decide, the same for all ranks and others for other jobs.
func (p *Place) ports() []int {
	if p.Port > 0 {
		return []int{p.Port}
	}
	h := sha256.Sum256([]byte(p.Secret + "\x00" + p.Host))
	var out []int
	for i := range tries {
		// Below the ports that systems give away.
		out = append(out, 20000+int(binary.LittleEndian.Uint16(h[2*i:]))%12000)
	}
	return out
}

// Meet connects the ranks. On rank 0 it returns a connection to each other rank, the place 0 being
// nil; on another rank, the connection to rank 0 alone. It waits until ctx ends or for the
// deadline; the error then names the ranks that never came, or rank 0's address. say, if not nil,
// gets the names of the missing ranks after some seconds, and then once a minute.
func (p *Place) Meet(ctx context.Context, deadline time.Duration, say func(text string)) ([]net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if p.Rank == 0 {
		return p.gather(ctx, deadline, say)
	}
	c, err := p.join(ctx, deadline, say)
	return []net.Conn{c}, err
}

// arrival is a rank that has greeted rank 0, or a greeting that failed.
type arrival struct {
	rank int
	conn net.Conn
	err  error
}

// gather is rank 0's side.
func (p *Place) gather(ctx context.Context, deadline time.Duration, say func(string)) ([]net.Conn, error) {
	ls, err := p.listen(os.Getenv(Interfaces))
	if err != nil {
		return nil, err
	}
	defer closeListeners(ls)
	arrivals := make(chan arrival)
	done := make(chan struct{})
	defer close(done)
	for _, l := range ls {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					a := p.greet(c)
					select {
					case arrivals <- a:
					case <-done:
						c.Close()
					}
				}()
			}
		}()
	}
	conns := make([]net.Conn, p.World)
	var odd []string
	late := time.After(patience)
	for left := p.World - 1; left > 0; {
		select {
		case <-late:
			p.waits(say, "rank "+p.absent(conns)+" to come to "+p.where(), deadline, odd)
			late = time.After(again)
		case a := <-arrivals:
			different := (*differentError)(nil)
			switch {
			case errors.As(a.err, &different):
				closeAll(conns)
				return nil, different
			case a.err != nil:
				if s := a.err.Error(); !slices.Contains(odd, s) && len(odd) < 4 {
					odd = append(odd, s)
				}
			case conns[a.rank] != nil:
				a.conn.Close()
				closeAll(conns)
				return nil, fmt.Errorf("launch: two processes say that they are rank %d of %d", a.rank, p.World)
			default:
				conns[a.rank] = a.conn
				left--
			}
		case <-ctx.Done():
			closeAll(conns)
			return nil, p.missing(conns, odd, context.Cause(ctx), deadline)
		}
	}
	return conns, nil
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
}

// missing is the error of ranks that did not come.
func (p *Place) missing(conns []net.Conn, odd []string, why error, deadline time.Duration) error {
	if !errors.Is(why, context.DeadlineExceeded) {
		return why
	}
	s := fmt.Sprintf("launch: rank %s of %d (%s) did not come to %s within %v", p.absent(conns), p.World, p.Launcher, p.Host, deadline)
	if odd != nil {
		s += "; others came: " + strings.Join(odd, "; ")
	}
	return errors.New(s)
}

// absent are the numbers of the ranks that have not come.
func (p *Place) absent(conns []net.Conn) string {
	var ranks []string
	for r := 1; r < p.World; r++ {
		if conns[r] == nil {
			ranks = append(ranks, strconv.Itoa(r))
		}
	}
	return strings.Join(ranks, ", ")
}

// where is the machine of rank 0.
func (p *Place) where() string { return cmp.Or(p.Host, "this machine") }

// waits says that this rank waits for others, and odd, the strangers that came.
func (p *Place) waits(say func(string), whom string, deadline time.Duration, odd []string) {
	if say == nil {
		return
	}
	s := fmt.Sprintf("rank %d waits for %s, %v at most", p.Rank, whom, deadline)
	if len(odd) > 0 {
		s += ": " + strings.Join(odd, "; ")
	}
	say(s)
}

// greet is rank 0's half of the greeting.
func (p *Place) greet(c net.Conn) arrival {
	c.SetDeadline(time.Now().Add(10 * time.Second))
	a, err := p.examine(c)
	if err != nil {
		c.Close()
		return arrival{err: fmt.Errorf("%v: %w", c.RemoteAddr(), err)}
	}
	c.SetDeadline(time.Time{})
	return arrival{rank: a, conn: c}
}

func (p *Place) examine(c net.Conn) (rank int, err error) {
	nonce := make([]byte, nonceBytes)
	rand.Read(nonce)
	if _, err := c.Write(nonce); err != nil {
		return 0, err
	}
	hello := make([]byte, helloBytes)
	if _, err := io.ReadFull(c, hello); err != nil {
		return 0, errors.New("no greeting")
	}
	numbers, theirs, tag := hello[:8], hello[8:8+nonceBytes], hello[8+nonceBytes:]
	if !hmac.Equal(tag, proof(p.Secret, "joins", nonce, numbers, theirs)) {
		c.Write([]byte{stranger})
		return 0, errors.New("another secret, of another job perhaps")
	}
	rank, world := int(binary.LittleEndian.Uint32(numbers)), int(binary.LittleEndian.Uint32(numbers[4:]))
	reply := binary.LittleEndian.AppendUint32([]byte{welcome}, uint32(p.World))
	if world != p.World || rank < 1 || rank >= world {
		reply[0] = contradiction
		err = &differentError{rank, world, p.World}
	}
	if _, bad := c.Write(append(reply, proof(p.Secret, "welcomes", nonce, theirs, reply)...)); err == nil {
		err = bad
	}
	return rank, err
}

// join is another rank's side: it tries the ports until rank 0 answers.
func (p *Place) join(ctx context.Context, deadline time.Duration, say func(string)) (net.Conn, error) {
	var last error
	late := time.After(patience)
	for {
		for _, port := range p.ports() {
			d := net.Dialer{Timeout: 5 * time.Second}
			c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(p.Host, strconv.Itoa(port)))
			if err == nil {
				if err = p.introduce(c); err == nil {
					return c, nil
				}
				c.Close()
			}
			if different := (*differentError)(nil); errors.As(err, &different) {
				return nil, different
			}
			// A dial that the deadline cuts off says less than the one before.
			if ctx.Err() == nil && (last == nil || !os.IsTimeout(err)) {
				last = err
			}
		}
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("launch: rank %d (%s) did not reach rank 0 at %s within %v: %w", p.Rank, p.Launcher, p.Host, deadline, last)
		case <-late:
			var odd []string
			if last != nil {
				odd = []string{last.Error()}
			}
			p.waits(say, "rank 0 at "+p.where(), deadline, odd)
			late = time.After(again)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// introduce is the other rank's half of the greeting.
func (p *Place) introduce(c net.Conn) error {
	c.SetDeadline(time.Now().Add(10 * time.Second))
	nonce, own, numbers := make([]byte, nonceBytes), make([]byte, nonceBytes), make([]byte, 8)
	if _, err := io.ReadFull(c, nonce); err != nil {
		return fmt.Errorf("%v does not greet as rank 0 does", c.RemoteAddr())
	}
	rand.Read(own)
	binary.LittleEndian.PutUint32(numbers, uint32(p.Rank))
	binary.LittleEndian.PutUint32(numbers[4:], uint32(p.World))
	if _, err := c.Write(slices.Concat(numbers, own, proof(p.Secret, "joins", nonce, numbers, own))); err != nil {
		return err
	}
	reply := make([]byte, replyBytes)
	if _, err := io.ReadFull(c, reply[:1]); err != nil || reply[0] == stranger {
		return fmt.Errorf("%v refuses the secret: it is of another job, or SHAKE_SECRET differs", c.RemoteAddr())
	}
	said := reply[:replyBytes-sha256.Size]
	if _, err := io.ReadFull(c, reply[1:]); err != nil || !hmac.Equal(reply[len(said):], proof(p.Secret, "welcomes", nonce, own, said)) {
		return fmt.Errorf("%v does not know the secret", c.RemoteAddr())
	}
	if said[0] != welcome {
		return &differentError{p.Rank, p.World, int(binary.LittleEndian.Uint32(said[1:]))}
	}
	c.SetDeadline(time.Time{})
	return nil
}
