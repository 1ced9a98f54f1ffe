# The words that people and CI use alike. `make demo` is the one to begin with.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL    := go tool -modfile=tools/go.mod
FUZZTIME ?= 1m

.PHONY: all build install packages test-packages demo deps test test-versions race lint fuzz bench-takeover bench-ping bench-loop bench-console bench-db bench-files soak soak-files soak-rest test-edges guards chaos clean

all: build

build: ## bin/failoverd
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/failoverd ./cmd/failoverd

install: ## lay out what the packages install, below DESTDIR, after make build
	scripts/stage "$(DESTDIR)/" bin/failoverd
	test -e "$(DESTDIR)/etc/polkit-1/rules.d/50-failoverd.rules" || install -D -m 0644 packaging/50-failoverd.rules "$(DESTDIR)/etc/polkit-1/rules.d/50-failoverd.rules"
	install -d "$(DESTDIR)/etc/failoverd/servers.d" "$(DESTDIR)/etc/failoverd/options.d"
	test -n "$(DESTDIR)" || systemd-sysusers failoverd.conf

packages: ## the deb, the rpm and the list of what is in the program, in bin/packages
	scripts/packages

test-packages: packages ## installed, upgraded while standing in, removed and purged, in a Debian that runs; root, and minutes
	scripts/test-deps packages
	scripts/test-packages

demo: build ## a primary dies and its service goes on, in a world of network namespaces
	./bin/failoverd lab

deps: ## the Debian packages and validators that the tests need, where they are missing
	scripts/test-deps

# Tests wait for clocks, disks and other programs half of their time: one package more at once than there are processors.
AT_ONCE ?= $(shell expr $$(nproc) + 1)

# The longest first, so that none of them is left over when all others are through.
LONGEST := ./cmd/failoverd ./replicate/database/postgres ./replicate/database/mysql ./replicate/database/sqlserver

# -no-skip where the lab is required: what could not be run there was not tested.
test: deps ## every test; FAILOVERD_LAB=require turns what cannot be run here into a failure
	go test -json -count=1 -timeout 30m -p $(AT_ONCE) $(TESTFLAGS) $(LONGEST) ./... | go run -C tools ./testsum $(if $(filter require,$(FAILOVERD_LAB)),-no-skip)

race: ## every test under the race detector
	$(MAKE) test TESTFLAGS=-race

test-versions: deps ## the database engines on other versions of their servers; root, debootstrap and an hour
	scripts/test-versions

lint: ## what has to be silent
	@out=$$($(TOOL) gofumpt -l .); if [[ -n $$out ]]; then echo "gofumpt -l:"; echo "$$out"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...
	@out=$$($(TOOL) deadcode -test ./...); if [[ -n $$out ]]; then echo "deadcode:"; echo "$$out"; exit 1; fi
	scripts/libc-version

fuzz: ## every fuzz target, FUZZTIME each
	scripts/fuzz $(FUZZTIME)

bench-takeover: build ## beside keepalived and an administrator's script
	go run ./bench/takeover -parts race,rest

bench-ping: build ## beside fping and an exporter
	go run ./bench/ping

bench-loop: build ## how late the decisions of a busy standby are: 200 servers, a thousand events a second
	go run ./bench/loop

bench-console: build ## from a start to a console that can be used, and what a hundred open ones cost, beside monit
	go run ./bench/console

bench-db: ## complete copies beside the tools that people use: 1 GiB, five runs each
	go run ./bench/database

bench-files: ## beside rsync, lsyncd and syncthing: 100,000 files, 2 GiB, five runs each
	go run ./bench/files

soak: build ## losses and load, ten minutes each
	go run ./bench/takeover -parts loss,busy

SOAK ?= 1h
SEED ?= $(shell date +%s)

soak-files: ## a tree that changes without any order, both sides killed at random: SOAK=1h, SEED
	go test ./replicate/files -run '^TestSoak$$' -v -count 1 -timeout 0 -soak $(SOAK) -seed $(SEED)

REST ?= 24h

soak-rest: ## a daemon at rest and its nightly copies, in compressed time: REST=24h
	go test ./standby -run '^TestAtRest$$' -v -count 1 -timeout 0 -rest $(REST)

test-edges: deps ## failback and hand-over killed on both sides of every edge; make test takes a quarter of them, other ones each time
	FAILOVERD_TEST_EDGES=all go test ./cmd/failoverd -run '^TestKilledAtEveryEdgeOfA(Failback|Handover)$$' -v -count 1 -timeout 1h

GUARDS ?= .

guards: deps ## each guard of internal/guards/list taken out, to see its scenarios go red; hours. GUARDS=monitor: one list
	FAILOVERD_LAB=require go test ./internal/guards -run '^TestGuards$$/^$(GUARDS)' -take-out -v -count 1 -timeout 0 -parallel 2

CHAOS ?= 30m

chaos: ## random faults, orders and users in the lab, judged by the six promises: CHAOS=30m, SEED
	go test ./internal/chaos -run '^TestChaos$$' -v -count 1 -timeout 0 -chaos $(CHAOS) -seed $(SEED)

clean:
	rm -rf bin tools/openapi/node_modules tools/mibs/node_modules
