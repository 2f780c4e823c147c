package nets_test

import (
	"fmt"

	"shake/nets"
)

// A built-in network, as Table 1 has it with even backward coefficients, and the error that the
// paper publishes for it.
func ExampleLoad() {
	spec, err := nets.Load("26-2x32d", "shake.backward=even")
	if err != nil {
		fmt.Println(err)
		return
	}
	row, _ := nets.Published(spec)
	fmt.Println(spec.Name, spec.Shake.Label(), spec.Train.Epochs, "epochs:", row.Error, "%")
	// Output: 26-2x32d S-E-I 1800 epochs: 3.47 %
}
