# The words a person types. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help openmetrics audit export faults repro test check format lock mnist detect judge record survey study lab answers networks experiments gate report page history reproduced plots deps pages bench

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

# One stamp says that the environment holds exactly what requirements.txt locks.
$(VENV)/.locked: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 10) <= v < (3, 14) else "expected Python 3.10 to 3.13, got %d.%d: name another with make PYTHON=python3.12" % v[:2])'
	@test ! -L $(VENV) || { echo "$(VENV) is a link: remove it, so that nothing behind it is replaced"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --no-compile --require-hashes -r requirements.txt
	@touch $@

# What a person gave for a variable, by its name: as it is, whatever a path or a branch is called; nothing if nothing.
given = $(if $(filter undefined file,$(origin $(1))),,$(value $(1)))
# A text as one word for the shell, and what was given for a variable, or another text: no quotation mark ends the word.
literal = '$(subst ','\'',$(1))'
quoted = $(call literal,$(or $(call given,$(1)),$(2)))
# An option with what was given for it, or nothing.
option = $(if $(call given,$(2)),$(1) $(call quoted,$(2)))

repro: $(VENV)/.locked ## run the stages whose inputs changed: digits, models, attacks, metrics, pictures
	dvc repro

test: $(VENV)/.locked ## run every test, on all cores
	python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

faults: $(VENV)/.locked ## break everything that can break, and count what came of it (TIMES=100 for a night of it)
	@ROBUST_DIGITS_FUZZ=$(call quoted,TIMES,1) python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder -m fault

audit: $(VENV)/.locked ## ask which locked packages have known vulnerabilities
	@python -m robust_digits.record.audit

check: $(VENV)/.locked ## lint, format and types
	ruff check .
	ruff format --check .
	mypy

format: $(VENV)/.locked ## format the code and mend what the linter can
	ruff check --fix .
	ruff format .

lock: $(VENV)/.locked ## lock requirements.txt anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	uv pip compile pyproject.toml --group dev --output-file requirements.txt $(UPGRADE) \
		--universal --python-version 3.10 --fork-strategy fewest \
		--generate-hashes --no-emit-index-url --no-header --quiet
	uv pip compile benchmarks/requirements.in --no-deps --output-file benchmarks/requirements.txt $(UPGRADE) \
		--universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet

# The tutorial's run: 10% of the training images crafted at eps 0.5, 10 + 10 epochs, batches of 128. Judged at 0.3, by
# the standard AutoAttack in place of the quicker ensemble of the default suite.
STANDARD := ~evaluate.attacks.apgd_square \
	+evaluate.attacks.autoattack={steps:100,targets:9,queries:5000}
TUTORIAL := $(if $(call given,DATA),,data.source=mnist) data.validation=0.05 \
	train.epochs=10 train.batch_size=128 craft.eps=0.5 craft.fraction=0.1 retrain.epochs=10 retrain.batch_size=128 \
	evaluate.eps=0.3 evaluate.curve.samples=1000 $(STANDARD)
# How the hardened model of that run is made: RECIPE=trades stands attacks best, RECIPE=quick nearly as well after less
# than five minutes of training on two cores. RECIPE=ibp is proven to stand, RECIPE=ibp-quick a little less of it after
# less than five minutes; RECIPE=record is the network that the records of proofs are held with, for a GPU or a day.
RECIPE ?= trades
ATTACKED := method=trades architecture=binarized eps=0.33 steps=5 batch_size=128 learning_rate=0.004
BOUNDED := method=ibp weight=0.7 tighten=0.5 clip=10.0 ramp=[0.03,0.45] \
	schedule=[[0.0,0.0],[0.02,1.0],[0.7,1.0],[0.7,0.2],[0.9,0.2],[0.9,0.04],[1.0,0.04]]
PROVABLE := $(BOUNDED) architecture=provable eps=0.33 batch_size=128 clean_images=64 learning_rate=0.003
recipe_trades := $(ATTACKED) weight=4.0 width=32 epochs=16
recipe_quick := $(ATTACKED) weight=6.0 width=24 epochs=10
recipe_ibp := $(PROVABLE) width=32 epochs=16
recipe_ibp-quick := $(PROVABLE) width=24 epochs=6
recipe_record := $(BOUNDED) architecture=cnn7 eps=0.315 batch_size=256 learning_rate=0.0005 epochs=70
MNIST = $(TUTORIAL) $(patsubst %,harden.%,$(recipe_$(RECIPE)))
RUN = mnist$(if $(filter-out trades,$(RECIPE)),-$(RECIPE))
# A local file, by its whole path. Its checksum becomes a parameter, so that DVC sees when the file changes.
PLACE = $(if $(filter /%,$(firstword $(call given,DATA))),,$(CURDIR)/)$(call given,DATA)
CHECKSUM = python -c 'import pooch, sys; print(pooch.file_hash(sys.argv[1]))' $(call quoted,DATA)
TYPED = make mnist$(if $(call given,DATA), DATA=$(notdir $(call given,DATA)))$(if $(filter-out trades,$(RECIPE)), RECIPE=$(RECIPE))
LOCAL = $(if $(call given,DATA),--set-param $(call literal,data.source=$(PLACE)) --set-param data.sha256=$$($(CHECKSUM)))

mnist: $(VENV)/.locked ## the tutorial's run, on MNIST, into docs/results/mnist (DATA=mnist.npz for a local file, RECIPE=quick, ibp …)
	$(if $(recipe_$(RECIPE)),,@echo "RECIPE: expected trades, quick, ibp, ibp-quick or record, got "$(call quoted,RECIPE); exit 1)
	$(if $(call given,DATA),@test -f $(call quoted,DATA) || { echo "DATA: no such file: "$(call quoted,DATA); exit 1; })
	@dvc exp remove --quiet $(RUN) 2>/dev/null || true
	dvc exp run --temp --name $(RUN) $(MNIST:%=--set-param '%') $(LOCAL)
	python -m robust_digits.record.record $(RUN) docs/results/$(RUN) --command $(call literal,$(TYPED))

# Judged as the models of that run, and apart from the workspace too; without RECIPE or DATA, those of the workspace.
detect: $(VENV)/.locked ## detectors beside each model, and an attack that knows them (RECIPE=quick, DATA=mnist.npz: on MNIST)
	$(if $(recipe_$(RECIPE)),,@echo "RECIPE: expected trades, quick, ibp, ibp-quick or record, got "$(call quoted,RECIPE); exit 1)
	$(if $(call given,DATA),@test -f $(call quoted,DATA) || { echo "DATA: no such file: "$(call quoted,DATA); exit 1; })
	$(if $(call given,RECIPE)$(call given,DATA),,dvc repro detection/dvc.yaml)
	$(if $(call given,RECIPE)$(call given,DATA),@dvc exp remove --quiet $(RUN)-detect 2>/dev/null || true)
	$(if $(call given,RECIPE)$(call given,DATA),dvc exp run --temp --name $(RUN)-detect $(MNIST:%=--set-param '%') $(LOCAL) detection/dvc.yaml)
	$(if $(call given,RECIPE)$(call given,DATA),python -m robust_digits.record.trial $(RUN)-detect docs/detection/$(RUN) --command $(call literal,$(subst make mnist,make detect,$(TYPED))))

judge: $(VENV)/.locked ## attack, certify and check a Keras model of your own (MODEL=my.keras DATA=mine.npz EPS=0.03; NORM=2, SAMPLES=1000, OUTPUT)
	@$(foreach name,MODEL DATA EPS,$(if $(call given,$(name)),,echo "$(name): expected one: make judge MODEL=my.keras DATA=mine.npz EPS=0.03" >&2; exit 2;)):
	@python -m robust_digits.candidate.judge $(call quoted,MODEL) $(call quoted,DATA) --eps $(call quoted,EPS) \
		$(call option,--norm,NORM) $(call option,--samples,SAMPLES) $(call option,--output,OUTPUT)

export: $(VENV)/.locked ## write a model for other verifiers: ONNX, and a VNN-LIB property for each of IMAGES=10 (MODEL=hardened, EPS, OUTPUT)
	@python -m robust_digits.candidate.export models/$(call quoted,MODEL,hardened).keras data/normalized/test \
		$(call option,--eps,EPS) $(call option,--images,IMAGES) $(call option,--output,OUTPUT)

record: $(VENV)/.locked ## record the results of the last commit in docs/results/digits
	python -m robust_digits.record.record HEAD docs/results/digits --command "make repro"

survey: $(VENV)/.locked ## every attack of the table, the slow ones too, on a few images (MODEL=robust, SAMPLES=10; RECORD=docs/studies/survey.csv)
	python -m robust_digits.study.survey models/$(call quoted,MODEL,robust).keras data/normalized/test data/adversarial/test/fgm \
		--samples $(call quoted,SAMPLES,10) $(call option,--record,RECORD)

study: $(VENV)/.locked ## what a parameter does to accuracy, clean and attacked (NAME=kernel_size, one or more; DATA=mnist.npz; MARK=1 runs nothing)
	@python -m robust_digits.study.run $(or $(foreach name,$(call given,NAME),$(call literal,$(name))),'') $(LOCAL) $(if $(MARK),--mark)

answers: $(VENV)/.locked ## what a model answers to forty test digits, and its losses on every part of the data, into docs (MODEL=baseline)
	python -m robust_digits.study.answers models/$(call quoted,MODEL,baseline).keras data/normalized docs/answers.csv

networks: $(VENV)/.locked ## write every network, its layers and its number of weights into docs/networks.md and .csv
	python -m robust_digits.study.networks docs

lab: $(VENV)/.locked ## one digit, and what the gradient of its loss does to it, into docs/lab.png (IMAGE=0 L2=3 LINF=0.15; PART=train)
	python -m robust_digits.study.lab models/baseline.keras data/normalized/$(call quoted,PART,test) \
		$(call quoted,OUTPUT,docs/lab.png) \
		--image=$(call quoted,IMAGE,0) --l2 $(call quoted,L2,3) --linf $(call quoted,LINF,0.15)

experiments: $(VENV)/.locked ## what `dvc exp run` tried: parameters, and a model clean and in the worst case (MODEL=hardened)
	@dvc exp show --only-changed --drop '(data|detection|models|stages|robust_digits|metrics)/.*' \
		--keep metrics/$(call quoted,MODEL,hardened)'.json:accuracy.(clean|worst_case)'

gate: $(VENV)/.locked ## show the checks of the evaluation; fail when one is red that gate.yaml does not accept
	@python -m robust_digits.report.gate

COMPARED = --base $(call quoted,BASE,main) $(call option,--here,HERE) $(if $(REJUDGE),--rejudge)
report: $(VENV)/.locked ## say what this branch did to robustness since it left BASE=main (HERE=HEAD, OUTPUT=report.md, REJUDGE=1)
	@python -m robust_digits.report.report $(COMPARED) $(call option,--output,OUTPUT)

openmetrics: $(VENV)/.locked ## print every figure as OpenMetrics, which GitLab compares in a merge request (HERE=HEAD, OUTPUT=metrics.txt)
	@python -m robust_digits.record.openmetrics $(call option,--here,HERE) $(call option,--output,OUTPUT)

page: $(VENV)/.locked ## draw both sides of that on one page that needs no network, page.html (BASE=main, HERE=HEAD, OUTPUT, REJUDGE=1)
	@python -m robust_digits.report.page $(call quoted,OUTPUT,page.html) $(COMPARED)

history: $(VENV)/.locked ## what became of every figure that must hold over the commits of BASE=main, also as history.png (LIMIT=20, OUTPUT)
	@python -m robust_digits.report.trend --base $(call quoted,BASE,main) --output $(call quoted,OUTPUT,history.png) $(call option,--limit,LIMIT)

reproduced: $(VENV)/.locked ## fail unless dvc.lock, metrics and plots are what was committed
	@python -m robust_digits.record.reproduction docs/results/digits

plots: $(VENV)/.locked ## draw DVC's own page of plots, this workspace against the last commit
	dvc plots diff HEAD

deps: $(VENV)/.locked ## write the code that each stage depends on into dvc.yaml
	python -m robust_digits.record.dependencies

pages: $(VENV)/.locked ## write the figures of every document anew from committed files
	python -m robust_digits.record.pages

# The peers, in an environment of their own: without their dependencies, which the lock names itself. It is for Python
# 3.11, which is what their PyTorch is built for.
.bench/.locked: benchmarks/requirements.txt benchmarks/torch.txt
	$(PYTHON) -m venv --clear .bench
	.bench/bin/python -m pip install --quiet --no-deps --require-hashes $(^:%=-r %)
	@touch $@

bench: $(VENV)/.locked .bench/.locked ## measure this project beside its peers (ROWS="fgm pgd" for some of it, QUICK=1 for a look, DATA=mnist.npz)
	@python -m benchmarks.bench $(if $(call given,ROWS),--rows $(foreach row,$(call given,ROWS),$(call literal,$(row)))) \
		$(call option,--data,DATA) $(if $(QUICK),--quick)

# Nobody called from here reads these, and to hand them on make would expand, and so run, what stands in them.
unexport BASE DATA EPS HERE IMAGE IMAGES L2 LIMIT LINF MODEL NAME NORM OUTPUT PART RECIPE RECORD ROWS SAMPLES TIMES
