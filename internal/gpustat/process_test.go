package gpustat

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"testing"
	"time"
)

func TestNaming(t *testing.T) {
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("no /proc here: names are the driver's")
	}
	d, _ := open(t, standIn, "")
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Skip(err)
	}
	defer func() {
		other.Process.Kill()
		other.Wait()
	}()
	// In the midst of a process's exec, after which Start may already return, the system has no
	// command line of it.
	line := fmt.Sprintf("/proc/%d/cmdline", other.Process.Pid)
	for from := time.Now(); time.Since(from) < 10*time.Second; time.Sleep(time.Millisecond) {
		if b, err := os.ReadFile(line); err != nil || len(b) > 0 {
			break
		}
	}
	const nobody = 1 << 30
	ps := []Process{{PID: os.Getpid()}, {PID: other.Process.Pid}, {PID: nobody}}
	n := d.Naming()
	n.Name(ps)
	if !ps[0].Shake || !strings.Contains(ps[0].Name, "gpustat") {
		t.Errorf("this process is %+v", ps[0])
	}
	if me, err := user.Current(); err == nil && (ps[0].User != me.Username || ps[1].User != me.Username) || ps[2].User != "" {
		t.Errorf("the users are %q, %q and %q", ps[0].User, ps[1].User, ps[2].User)
	}
	if ps[1].Shake || ps[1].Name != "sleep 60" {
		t.Errorf("another is %+v", ps[1])
	}
	if ps[2].Shake || ps[2].Name != "process-1073741824" { // the driver's word
		t.Errorf("one that is not there is %+v", ps[2])
	}
	for range forgotten + 1 {
		n.Name(ps[:1])
	}
	if len(n.known) != 1 {
		t.Errorf("%d names are remembered, want 1", len(n.known))
	}
}
