// Package gpustat watches NVIDIA's cards through NVML: their names and limits, and their memory,
// utilisation, power, temperature and clocks from second to second. It is the only importer of
// go-nvml, and knows nothing of networks or runs.
//
//	d, err := gpustat.Open("libnvidia-ml.so.1")
//	cards, err := d.Cards()
//	w := gpustat.Watch(cards, time.Second, func(e gpustat.Event) { ... })
//	defer w.Stop()
//
// A value that the card or the driver does not give is an unknown Figure, and a Gap gives the
// reason once. A card that is lost ends its own samples and no others. Reading a card takes about
// ten calls of the driver and no kernel; it happens on a goroutine of its own.
package gpustat
