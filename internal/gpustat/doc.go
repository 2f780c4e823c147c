// Package gpustat watches NVIDIA's cards through NVML: what they are, and their memory, utilisation, power, temperature and clocks from second
// to second. It is the only importer of go-nvml, and knows nothing of networks or runs.
//
//	d, err := gpustat.Open("libnvidia-ml.so.1")
//	cards, err := d.Cards()
//	w := gpustat.Watch(cards, time.Second, func(e gpustat.Event) { ... })
//	defer w.Stop()
//
// What a card or the driver does not tell is an unknown Figure, with the reason said once (Gap); a card that is lost ends its own samples and
// nobody else's. Reading a card costs some ten calls of the driver and no kernel; it happens on a goroutine of its own.
package gpustat
