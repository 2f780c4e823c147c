package gpu

import (
	"encoding/json"
	"testing"
)

// FuzzChoices: a file of choices of any content fits the rivals of a network, all of it, or is
// refused.
func FuzzChoices(f *testing.F) {
	rivals := []*rival{{at: 3, count: 2, kind: "stats"}, {at: 9, count: 1, kind: "norm"}}
	for _, seed := range []string{
		`{"Card":"c","Taken":[]}`, `{"Card":"c","Taken":[{"At":3,"Launches":2,"Kind":"stats","Took":5,"Beside":9}]}`, `{"Card":"c","Taken":null}`,
		`{"Card":"c","Taken":[{"At":-3},{"At":3,"Launches":2,"Kind":"stats"},{"At":3,"Launches":2,"Kind":"stats"}]}`, "[]", "null",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c choices
		if json.Unmarshal(b, &c) != nil || c.fit(rivals) != nil {
			return
		}
		n := 0
		for _, r := range rivals {
			if c.takes(r) {
				n++
			}
		}
		if n != len(c.Taken) {
			t.Fatalf("%d of %d choices are known", n, len(c.Taken))
		}
	})
}
