# SPDX-License-Identifier: Apache-2.0
# Thin over scripts: each target is one of them.
.PHONY: build test demo lint bench clean

build:
	scripts/build

test:
	scripts/test

demo:
	scripts/demo

lint:
	scripts/lint

bench:
	scripts/bench

clean:
	scripts/clean
