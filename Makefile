# The commands of a person at work. Building and testing need Go and a C compiler; cmake adds the
# sanitized tests of the C code to make check.

GO       ?= go
NET      ?= quick
BENCH    ?= .
FUZZTIME ?= 10s
PYTHON   ?= python3
PEERNET  ?= 26-2x32d
ARM64CC  ?= aarch64-linux-gnu-gcc
DATA     ?= data/cifar-10-batches-bin
NVIDIA   ?= build/nvidia

# The commit of this folder's own repository, or nothing: none of a repository around it, and none
# of a checkout that belongs to somebody else, which git does not open. Go's own look at the
# repository, which fails there and ends the build, is turned off.
COMMIT := $(shell up=$$(git rev-parse --show-cdup 2>/dev/null) && [ -z "$$up" ] && git describe --always --dirty=+ --abbrev=12 2>/dev/null)
export GOFLAGS := $(GOFLAGS) -buildvcs=false
SMALL  := -ldflags "-s -w -X main.commit=$(COMMIT)"
# The packages whose tests run on a card. The bundle is laid out as the repository is, so that they
# find their files.
GPU_TESTS = cudnn/cuda cudnn/nccl cudnn csrc/cuda internal/engine/gpu
# Folders whose C, C++ and CUDA have the layout of .clang-format.
FORMATTED = csrc cudnn
# The files that make format and make lint look at. Without one, gofmt and clang-format would read
# standard input.
TRACKED_GO = git ls-files '*.go'
TRACKED_C  = git ls-files $(FORMATTED) | grep -E '\.(c|cc|h|cu)$$'
# make bundle TRIM= takes the packages that make test has compiled, and is quicker; the bundle then
# names this machine's folders.
TRIM   ?= -trimpath
LINK   := -ldflags "-X main.commit=$(COMMIT)"
# The packages with goroutines or locks, at which the race detector looks. C's own threads are for
# make native.
RACING  = $$(grep -lrE --include=*.go --exclude=*_test.go '^[[:space:]]+(defer )?go [[:alpha:]]|sync\.|\.Go\(' cmd cudnn dsl internal nets | xargs -n1 dirname | sort -u | sed 's|^|./|')

.DEFAULT_GOAL := help
.PHONY: help needs build run test check check-list race lint format bench fuzz campaign native arm64 vectors draws test-torch test-nvidia test-launch compare replay emu bundle slice plans rehearse clean

help: ## list the targets
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

needs:
	@command -v "$(GO)" >/dev/null 2>&1 || { echo "make: no Go here (looked for '$(GO)'): install Go 1.26 or newer, or say where it is with GO=..." >&2; exit 1; }
	@v=$$(GOTOOLCHAIN=local $(GO) version 2>/dev/null); minor=$$(echo "$$v" | sed -n 's/.* go1\.\([0-9]*\).*/\1/p'); if [ "$${minor:-99}" -lt 21 ]; then \
		echo "make: $$v is too old: install Go 1.26 or newer (from 1.21 on Go fetches what it lacks by itself)" >&2; exit 1; fi
	@cc=$$(cd / && $(GO) env CC); if ! command -v $${cc%% *} >/dev/null 2>&1; then \
		echo "make: no C compiler here (looked for '$$cc'): install gcc or clang, or say where it is with CC=..." >&2; exit 1; fi
	@if [ "$$(cd / && $(GO) env CGO_ENABLED)" = 0 ]; then echo "make: CGO_ENABLED=0, but the kernels are C: unset it" >&2; exit 1; fi

build: needs ## build bin/shake
	$(GO) build $(LINK) -o bin/shake ./cmd/shake

run: build ## build, then train the small net on the built-in data (about two minutes); NET=... trains another
	bin/shake run $(NET)

# The packages whose tests take longest begin first, so that no core waits for one of them at the
# end.
LONGEST = ./internal/engine/gpu ./csrc/cuda ./cmd/shake

# make lint has go vet.
test: needs ## the tests: a few minutes; make check has the exhaustive ones too
	$(GO) test -vet=off -timeout 20m $(LONGEST) ./...

check: needs ## everything: make test, the exhaustive tests, and the C tests under sanitizers where there is cmake
	@if command -v cmake >/dev/null 2>&1; then $(MAKE) --no-print-directory native; \
	else echo "make check: no cmake here, so csrc's own tests under sanitizers DID NOT RUN"; fi
	SHAKE_CHECK=1 $(GO) test -timeout 40m $(LONGEST) ./...

check-list: ## the tests, or parts of tests, that only make check runs
	@git grep -n -W 'exhaustive\.O' -- '*_test.go' internal/engine/enginetest | awk -F '[:=-]' \
		'/func [A-Za-z(]/ {f = $$0; sub(/.*func /, "", f); sub(/\(t .*/, "", f)} /exhaustive\.O/ {print $$1 ":" $$2 ": in " f}'
	@echo "and the C tests under sanitizers: make native"

race: needs ## the tests of the packages with goroutines or locks under the race detector
	$(GO) test -race -short -timeout 30m $(RACING)

lint: build build/format/.installed ## gofmt, clang-format, vet, staticcheck, and a look for undefined symbols in the binary
	@all=$$($(TRACKED_GO)); if [ -z "$$all" ]; then echo "make lint: git knows no Go files here"; exit 1; fi; \
	files=$$(gofmt -l $$all) || exit 1; if [ -n "$$files" ]; then echo "not gofmt-clean:"; echo "$$files"; exit 1; fi
	@all=$$($(TRACKED_C)); if [ -z "$$all" ]; then echo "make lint: git knows no C files here"; exit 1; fi; \
	build/format/bin/clang-format --dry-run -Werror $$all || { echo "make format lays them out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	@if command -v ldd >/dev/null 2>&1; then \
		if ldd -r bin/shake 2>&1 | grep -i undefined; then echo "bin/shake has undefined symbols"; exit 1; fi; \
	else echo "make lint: no ldd here, so undefined symbols were not looked for"; fi
	@echo "make lint: clean"

format: build/format/.installed ## lay out Go, and the C of the folders that make lint looks at
	@all=$$($(TRACKED_GO)); if [ -z "$$all" ]; then echo "make format: git knows no Go files here"; exit 1; fi; gofmt -w $$all
	@all=$$($(TRACKED_C)); if [ -z "$$all" ]; then echo "make format: git knows no C files here"; exit 1; fi; build/format/bin/clang-format -i $$all

build/format/.installed: tools/clang-format.txt
	@rm -rf build/format && mkdir -p build/format
	@if $(PYTHON) -m venv build/format && build/format/bin/pip install --quiet -r $<; then touch $@; \
	else rm -rf build/format; echo "clang-format could not be installed ($(PYTHON) and the package index are needed), so the layout of C was NOT CHECKED"; exit 1; fi

bench: needs ## benchmarks; BENCH=regexp picks some
	$(GO) test -run '^$$' -bench '$(BENCH)' ./bench/...

fuzz: needs ## every fuzz target for FUZZTIME (10s)
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg || exit 1; \
		done; done

campaign: needs ## hours: 500 kills, the power cut after every call of a run, every call answered with every error, 20,000 steps, every fuzz target for 10 minutes
	SHAKE_CAMPAIGN=1 SHAKE_KILLS=500 $(GO) test -count=1 -timeout 4h -v -run 'TestKill|TestFaults|TestPowerLoss|TestSoak' ./internal/train
	SHAKE_CAMPAIGN=1 $(GO) test -count=1 -timeout 1h -run 'TestSweepKilled|TestExportKilled|TestInterrupt|TestBrokenOutput|TestLostTerminal' ./cmd/shake
	$(MAKE) --no-print-directory fuzz FUZZTIME=10m

native: ## build and test csrc on its own with cmake, under ASan, UBSan and TSan
	cmake -S . -B build/native
	cmake --build build/native --parallel 2
	ctest --test-dir build/native --output-on-failure

emu: needs ## build the emulated card and print its folder: SHAKE_LIBRARY_PATH=$$(make -s emu) bin/shake devices
	@$(GO) run ./csrc/emu/folder

arm64: ## build csrc/cpu for arm64, for NEON, and run its tests under qemu-user (gcc-aarch64-linux-gnu, qemu-user)
	@mkdir -p build/arm64
	@for t in csrc/cpu/test/*_test.c; do \
		n=$$(basename $$t .c); \
		$(ARM64CC) -std=gnu11 -O2 -Wall -Wextra -Wno-unknown-pragmas -static -Icsrc/cpu $$t csrc/cpu/*.c -o build/arm64/$$n -lm -lpthread && \
		qemu-aarch64 build/arm64/$$n && echo "arm64: $$n passes" || exit 1; \
	done

vectors: .venv build ## make the test vectors again with PyTorch, in a virtual environment of its own
	.venv/bin/python tools/vectors/make.py
	.venv/bin/python tools/vectors/correlations.py

draws: ## have numpy compute the draws of docs/formats.md again; make test compares the stored ones with the engine's
	$(if $(wildcard .venv/bin/python),.venv/bin/python,$(PYTHON)) tools/vectors/draws.py

test-torch: .venv ## have PyTorch load the weights that shake writes, and numpy correlate the branches of a network that shake trained
	SHAKE_PYTHON=$(CURDIR)/.venv/bin/python $(GO) test -count=1 -run Torch ./internal/train ./cmd/shake

# NVIDIA's libraries in the versions of tools/nvidia-*.txt, each set in a folder of its own;
# SETS=13.0 takes one. FEW=1 asks each the questions that a pull request has time for, most of them
# the set of PLANSET.
SETS ?= 13.5 13.0 12.4
# The set whose plans make plans makes: that of PyTorch 2.11, which has cuDNN 9.19.
PLANSET ?= 13.0
REAL  = $(if $(FEW),SHAKE_PLANS=few SHAKE_NVRTC=$$few,)
LESS  = $(if $(FEW),RealRivals|RealSlices|RealConvolutions/(a100|rtx4090)|RealOperations/a100,)

test-nvidia: $(SETS:%=$(NVIDIA)/%/.wheels) ## hold declarations, plans and kernels against NVIDIA's real libraries of three versions, fetched by pip (no card needed)
	@for set in $(SETS); do \
		echo "-- NVIDIA's libraries of tools/nvidia-$$set.txt"; \
		if [ $$set = $(PLANSET) ]; then few=few; else few=one; fi; \
		$(REAL) SHAKE_NVIDIA=$(abspath $(NVIDIA))/$$set $(GO) test -count=1 -timeout 40m -run Real -skip '$(LESS)' ./csrc/... ./cudnn/... ./internal/engine/gpu || exit 1; \
	done

$(NVIDIA)/%/.wheels: tools/nvidia-%.txt
	@rm -rf $(NVIDIA)/$* $(NVIDIA)/$*.part && mkdir -p $(NVIDIA)
	@if { [ -x build/pip/bin/pip ] || $(PYTHON) -m venv build/pip; } && build/pip/bin/pip install --quiet --no-deps --target $(NVIDIA)/$*.part -r $<; \
	then mv $(NVIDIA)/$*.part $(NVIDIA)/$* && touch $@; \
	else echo "make test-nvidia: NVIDIA's wheels of $< could not be fetched, so the tests against these libraries DID NOT RUN"; exit 1; fi

test-launch: ## hold the manifests of tools/launch against the schedulers' schemas, fetched by pip
	$(PYTHON) -m venv build/launch && build/launch/bin/pip install --quiet -r tools/launch/requirements.txt
	build/launch/bin/python tools/launch/check.py

compare: .venv build ## speed and memory of training steps against PyTorch; PEERNET=26-2x96d and so on
	.venv/bin/python bench/peers/compare.py $(PEERNET)

replay: .venv build ## ten steps on CIFAR-10 beside PyTorch with the same random numbers; DATA=folder of the .bin files
	.venv/bin/python bench/peers/replay.py $(PEERNET) --data $(DATA)

bundle: needs ## build/bundle and build/bundle.tar.xz: binaries, GPU tests, benchmarks and gpu-check, for a machine with a card and without Go
	rm -rf build/bundle && mkdir -p build/bundle/bench build/bundle/nets
	$(GO) build $(TRIM) $(SMALL) -o build/bundle/shake ./cmd/shake
	build/bundle/shake version > build/bundle/VERSION
	@for pkg in $(GPU_TESTS); do \
		mkdir -p build/bundle/$$pkg; \
		$(GO) test -c $(TRIM) $(SMALL) -o build/bundle/$$pkg/gpu.test ./$$pkg || exit 1; \
		if [ -d $$pkg/testdata ]; then cp -r $$pkg/testdata build/bundle/$$pkg/; fi; \
	done
	mkdir -p build/bundle/csrc/load && cp csrc/load/*.h build/bundle/csrc/load/
	$(GO) test -c $(TRIM) $(SMALL) -o build/bundle/bench/bench.test ./bench
	cp -r bench/peers build/bundle/bench/ && rm -rf build/bundle/bench/peers/__pycache__
	cp nets/*.toml build/bundle/nets/ && cp -r tools/bundle/gpu-check tools/bundle/checks build/bundle/ && rm -rf build/bundle/checks/__pycache__
	@tools/bundle/pack

slice: ## build/slice.tar.xz: a part of CIFAR-10 for a short training elsewhere, 10,000 images and 2,000 to test; DATA=folder of the .bin files
	@for f in data_batch_1.bin test_batch.bin; do [ -f $(DATA)/$$f ] || { echo "make slice: $(DATA)/$$f is not there: unpack the archive of shake data fetch cifar10, and give DATA=folder"; exit 1; }; done
	@rm -rf build/slice && mkdir -p build/slice
	@cp $(DATA)/data_batch_1.bin build/slice/ && head -c $$((2000 * 3073)) $(DATA)/test_batch.bin > build/slice/test_batch.bin
	@tar -C build/slice -c data_batch_1.bin test_batch.bin | xz -T0 -6 > build/slice.tar.xz && rm -rf build/slice && ls -l build/slice.tar.xz

plans: $(NVIDIA)/$(PLANSET)/.wheels ## build/plans.tar.xz: the plans that cuDNN makes for an H100, made without one, for gpu-check --caches; PLANSET=13.5 takes those versions
	@rm -rf build/plans && mkdir -p build/plans/shake/cudnn
	SHAKE_NVIDIA=$(abspath $(NVIDIA))/$(PLANSET) $(GO) test -count=1 -v -timeout 40m -run '^TestRealPlans$$' ./internal/engine/gpu -args -plans $(CURDIR)/build/plans/shake/cudnn
	@tar -C build/plans -c shake | xz -T0 -6 > build/plans.tar.xz && rm -rf build/plans && ls -l build/plans.tar.xz

rehearse: ## both calls of gpu-check --lease on the emulated card, after make bundle: two minutes
	@tools/bundle/rehearse

.venv:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet torch numpy safetensors

clean: ## remove built files (runs/ and data/ stay)
	rm -rf bin build
