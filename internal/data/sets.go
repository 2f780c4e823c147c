package data

import "shake/internal/engine"

const (
	side   = 32              // rows and columns of every image
	pixels = 3 * side * side // bytes of an image
)

// Mean and standard deviation per channel in units of a byte. CIFAR's are the paper's. Those of the
// built-in set are rounded from its first 50,000 training images under seed 1.
var (
	CIFAR10Mean   = [3]float64{125.3, 123.0, 113.9}
	CIFAR10Std    = [3]float64{63.0, 62.1, 66.7}
	CIFAR100Mean  = [3]float64{129.3, 124.1, 112.4}
	CIFAR100Std   = [3]float64{68.2, 65.4, 70.4}
	SyntheticMean = [3]float64{126.5, 126.5, 126.5}
	SyntheticStd  = [3]float64{73.3, 73.3, 73.3}
)

// cifar describes one of the CIFAR sets as its authors publish it.
type cifar struct {
	set     string // "cifar10"
	folder  string // in the archive
	archive archive
	classes []string
	// A record is the label bytes, with the class in the last, and the pixels. limits has the
	// number of values of each label byte.
	limits      []int
	train, test []member
	mean, std   [3]float64
}

// archive is the published file of a set.
type archive struct {
	set, name, url string
	size           int64
	md5, sha256    string // hexadecimal
}

// member is one file of a set.
type member struct {
	name   string
	images int
	sha256 string // of the official file, hexadecimal
}

var cifar10 = &cifar{
	set:    "cifar10",
	folder: "cifar-10-batches-bin",
	archive: archive{
		set:    "cifar10",
		name:   "cifar-10-binary.tar.gz",
		url:    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
		size:   170052171,
		md5:    "c32a1d4ab5d03f1284b67883e8d87530",
		sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
	},
	classes: CIFAR10Names,
	limits:  []int{10},
	train: []member{
		{"data_batch_1.bin", 10000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
		{"data_batch_2.bin", 10000, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
		{"data_batch_3.bin", 10000, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
		{"data_batch_4.bin", 10000, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
		{"data_batch_5.bin", 10000, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
	},
	test: []member{
		{"test_batch.bin", 10000, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
	},
	mean: CIFAR10Mean,
	std:  CIFAR10Std,
}

var cifar100 = &cifar{
	set:    "cifar100",
	folder: "cifar-100-binary",
	archive: archive{
		set:    "cifar100",
		name:   "cifar-100-binary.tar.gz",
		url:    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
		size:   168513733,
		md5:    "03b5dce01913d631647c71ecec9e9cb8",
		sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
	},
	classes: CIFAR100Names,
	limits:  []int{20, 100},
	train:   []member{{"train.bin", 50000, "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"}},
	test:    []member{{"test.bin", 10000, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"}},
	mean:    CIFAR100Mean,
	std:     CIFAR100Std,
}

// known returns the description of a CIFAR set.
func known(set string) (*cifar, error) {
	switch set {
	case "cifar10":
		return cifar10, nil
	case "cifar100":
		return cifar100, nil
	}
	return nil, &SetError{Set: set}
}

// record is the number of bytes of one image with its labels.
func (c *cifar) record() int { return len(c.limits) + pixels }

// members lists all files of the set, training first.
func (c *cifar) members() []member { return append(c.train[:len(c.train):len(c.train)], c.test...) }

// bytes is the size of a member.
func (c *cifar) bytes(m member) int64 { return int64(m.images) * int64(c.record()) }

// blank returns empty training and test images of the set's size.
func (c *cifar) blank() (train, test *engine.Images) {
	count := func(ms []member) (n int) {
		for _, m := range ms {
			n += m.images
		}
		return n
	}
	return newImages(count(c.train), len(c.classes), c.mean, c.std), newImages(count(c.test), len(c.classes), c.mean, c.std)
}

// newImages allocates a set of n images.
func newImages(n, classes int, mean, std [3]float64) *engine.Images {
	return &engine.Images{
		N: n, C: 3, H: side, W: side, Classes: classes,
		Pix: make([]byte, n*pixels), Labels: make([]uint16, n),
		Mean: mean[:], Std: std[:],
	}
}
