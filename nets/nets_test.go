package nets

import "testing"

func TestLoadEveryNet(t *testing.T) {
	names := Names()
	if len(names) != 18 {
		t.Fatalf("want 18 networks, have %v", names)
	}
	for _, name := range names {
		s, err := Load(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Name != name {
			t.Errorf("%s: name %q", name, s.Name)
		}
	}
}
