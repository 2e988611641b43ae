# Types lines into an interactive zsh, asks it to complete each, and prints what it offers: a word a line, `---` after each typed line.
# $1: the completion script; $2: a file to work with; then the lines.
zmodload zsh/zpty
script=$1 out=$2
shift 2
: >$out
answered() { until [[ $(grep -c '^---$' $out) -ge $1 ]]; do zpty -rt shell ignored; sleep 0.02; done }

zpty shell 'zsh -f -i'
zpty -w shell "autoload -Uz compinit; compinit -u -D; source $script"
# Real completion finds the words; this only writes down what it found.
zpty -w shell "compadd() { local -a found; builtin compadd -A found \"\$@\"; print -rl -- \$found >>$out; builtin compadd \"\$@\" }"
zpty -w shell "mark() { print -- --- >>$out }; zle -N mark; bindkey '^G' mark; mark"
count=1
answered $count
for line in "$@"; do
  zpty -w -n shell $'\C-u'"$line"$'\t\C-g'
  answered $((++count))
done
zpty -d shell
tail -n +2 $out
