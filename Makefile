# `make demo` and `make test` do all the set-up themselves; Python is all they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
MUSIC ?= music
EVAL ?= eval
MUSIC_SET ?= all

.PHONY: demo test check format wheel music train-scored train-beats train-pointer train-policy train-polish evaluation plain benchmarks clean

demo: $(VENV)/ready
	$(BIN)/editorbot edit examples/jam.ogg --output demo/jam.wav --force
	@echo "Open demo/jam.html in a browser."

test: $(VENV)/ready-dev
	$(MAKE) check

check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(RUN) -m pytest -n 2

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@mkdir -p demo
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@# Without its PyAudio, which builds only beside PortAudio's headers and is not needed.
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps tinysoundfont
	@touch $@

# Builds the wheel and edits the example with it in an environment that has nothing else.
wheel: $(VENV)/ready-dev
	$(RUN) -m build --quiet --wheel --outdir dist .
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/editorbot-*.whl
	cd demo && ../$(VENV)-wheel/bin/editorbot edit ../examples/jam.ogg --output wheel.wav --force
	$(VENV)-wheel/bin/editorbot doctor

# Fetches the music that is learned from and reported on, once: 7.6 GB, of which 2.3 GB stay; all of it is for
# train-scored, train-policy, train-pointer and train-polish. The others need the standard set: 930 MB.
music: $(VENV)/ready-dev
	$(RUN) -m tools.fetch_music $(MUSIC) --set $(MUSIC_SET)

evaluation plain benchmarks train-beats: MUSIC_SET = standard

# Trains the default editor's score again: five hours on two cores by what its parts take, two of them to make the jams;
# resumable. What it learns grows with the jams, not with the passes over them. MUSIC/train and MUSIC/validation hold a
# folder an artist.
train-scored: music
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[learn,sim]"
	$(BIN)/editorbot train scored --tracks $(MUSIC)/train --valid-tracks $(MUSIC)/validation --count 5200 --held-back 200 \
		--members 1 --epochs 40 --seed 0 --workers 2 --save-dir models/scored

# Scores every editor on jams of the test artists; jams and analyses that are there are kept.
evaluation: music
	$(BIN)/editorbot pairs simulate $(MUSIC)/test --out $(EVAL)/test --count 66 --seed 2026 --workers 2
	$(BIN)/editorbot evaluate $(EVAL)/test --split test --workers 2 --cache-dir $(EVAL)/cache --out benchmarks/results/held_out

# How much of a song is kept where there is little or nothing to cut.
plain: music
	$(RUN) -m benchmarks.plain_recordings $(MUSIC)/test/* --out $(EVAL)/plain
	$(RUN) benchmarks/plain.py $(EVAL)/plain --cache $(EVAL)/cache --before benchmarks/results/plain_before.json

# How well edits are aligned with their recordings, and what a score makes of faults that it never heard: an hour. Jams and
# networks that are there are kept.
benchmarks: evaluation
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[learn,sim]"
	$(RUN) benchmarks/alignment.py $(MUSIC)/train --out benchmarks/results/alignment
	$(BIN)/editorbot pairs simulate $(MUSIC)/train --out $(EVAL)/train --count 380 --seed 12 --workers 2
	$(BIN)/editorbot pairs simulate $(MUSIC)/validation --out $(EVAL)/validation --count 32 --seed 11 --workers 2
	$(RUN) benchmarks/scored_left_out.py $(EVAL)/train $(EVAL)/validation $(EVAL)/test --cache $(EVAL)/left_out

# Trains the beat tracker's network again, on the made-up and every second MIDI piece: half an hour on two cores,
# resumable. The weights that ship are models/beats/beats.safetensors and .json, copied to editorbot/pretrained.
train-beats: music
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[learn,sim]"
	$(RUN) benchmarks/known_beats.py $(MUSIC) models/beats/midi
	$(BIN)/editorbot train beats --midi models/beats/midi --count 620 --epochs 24 --seed 1 \
		--soundfont $(MUSIC)/sounds/timgm6mb-soundfont/TimGM6mb.sf2

# Trains both learned polishes again: an hour and a half on two cores by what their parts take, and 13 GB of examples that
# are kept; resumable. The weights that ship are models/METHOD/METHOD.safetensors and .json, copied to editorbot/pretrained.
train-polish: music
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[learn,sim]"
	$(BIN)/editorbot train reconstruct --preset small --tracks $(MUSIC)/train/* --valid-tracks $(MUSIC)/validation/* \
		--count 5000 --valid-count 130 --again 0 --epochs 4 --workers 2
	$(BIN)/editorbot train mel2mel --preset small --tracks $(MUSIC)/train/* --valid-tracks $(MUSIC)/validation/* \
		--count 5000 --valid-count 130 --again 0 --epochs 4 --workers 2

# Trains the pointer network again, told what the score that ships says, of jams that the score never heard: two hours on
# two cores, most of it for making the jams. The weights that ship are models/pointer/run/pointer.safetensors and .json, copied to
# editorbot/pretrained. A run that was broken off goes on with RESUME="--resume models/pointer/run/latest.pt".
train-pointer: music
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[learn,sim]"
	$(BIN)/editorbot pairs simulate $(MUSIC)/train --out models/pointer/train --count 400 --seed 601 --workers 2
	$(BIN)/editorbot pairs simulate $(MUSIC)/validation --out models/pointer/validation --count 32 --seed 11 --workers 2
	$(RUN) -m pointer_network.trainers.pointer_trainer --config pointer_network/configs/small.json \
		--data-dir models/pointer/train --valid-dir models/pointer/validation --cache-dir models/pointer/cache \
		--save-dir models/pointer/run --workers 2 --threads 2 $(RESUME)

# Trains the policy again, told what the score that ships says: clones labels known from the jams' truth, then plays for
# reward; two hours on two cores, most of it for making the jams and hearing them. The weights that ship are
# models/policy/policy.safetensors and .json, copied to editorbot/pretrained, the best of five seeds. The score must not have
# heard these jams, or the policy trusts it too much and play adds little: their seed is another than train-scored's.
train-policy: music
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[learn,sim]"
	$(BIN)/editorbot pairs simulate $(MUSIC)/train --out models/policy/train --count 400 --seed 12 --workers 2
	$(BIN)/editorbot pairs simulate $(MUSIC)/validation --out models/policy/validation --count 32 --seed 11 --workers 2
	$(BIN)/editorbot pairs labels --data-dir models/policy/train --out models/policy/bc_rich.npz --cache-dir models/policy/cache
	$(BIN)/editorbot pairs labels --data-dir models/policy/validation --out models/policy/bc_valid.npz \
		--cache-dir models/policy/cache
	$(BIN)/editorbot pairs augment --input models/policy/bc_rich.npz --output models/policy/bc.npz --min-samples 80 --workers 2
	$(BIN)/editorbot train bc --preset small --data models/policy/bc.npz --valid-npz models/policy/bc_valid.npz \
		--cache-dir models/policy/cache --save-dir models/policy/bc --batch-size 512 --epochs 12 --no-aux
	$(BIN)/editorbot train ppo --preset small --checkpoint models/policy/bc/best.pt --bc-mixed models/policy/bc.npz \
		--bc-weight 0.05 --data-dir models/policy/train --cache-dir models/policy/cache --save-dir models/policy --epochs 200 --no-aux

clean:
	rm -rf $(VENV) $(VENV)-wheel build dist demo *.egg-info
