#!/bin/bash
# Grade with Slurm: sbatch --array=0-9 slurm-array.sh COURSE 1
# Each task grades its share and needs nothing of the others; what is graded already is kept.
#SBATCH --job-name=paramlab-course
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=00:30:00
set -euo pipefail
exec paramlab-course grade "$2" --course "$1" --quiet --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
