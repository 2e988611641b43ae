import type { CompletionCase, OptionCandidate } from "./completion-cases.ts";

/** A text in single quotes, for any shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const optionWords = (options: readonly OptionCandidate[]): readonly string[] =>
  options.flatMap(({ word, short }) => [`--${word}`, ...(short === undefined ? [] : [`-${short}`])]);

/** The shell's `case` patterns of options. */
const patterns = (options: readonly OptionCandidate[]): string => optionWords(options).join("|");

/**
 * The names of commands on the line, found without running anything: words that are options, or values of options, are passed over.
 * Shared by bash and zsh; `path`, `commands` and `options` mean something to zsh, so no variable is called so.
 */
function caseLines(cases: readonly CompletionCase[]): string {
  return cases
    .map(({ path, commands, options, words, takesFiles }) => {
      const withValue = options.filter(({ takesValue }) => takesValue);
      const valueCases = withValue
        .filter(({ values, isFile }) => values.length > 0 || isFile)
        .map((option) => {
          const reply = option.isFile ? "files=1" : `values=${quoted(option.values.join(" "))}`;
          return `        ${patterns([option])}) ${reply} ;;`;
        });
      return [
        `    ${quoted(path)})`,
        `      below=${quoted(commands.map(({ word }) => word).join(" "))}`,
        `      words_here=${quoted(words.join(" "))}`,
        `      flags=${quoted(optionWords(options).join(" "))}`,
        `      valued=${quoted(` ${optionWords(withValue).join(" ")} `)}`,
        ...(takesFiles ? ["      takes_files=1"] : []),
        ...(valueCases.length === 0 ? [] : [`      case "$previous" in`, ...valueCases, "      esac"]),
        "      ;;",
      ].join("\n");
    })
    .join("\n");
}

const describeCase = (cases: readonly CompletionCase[]): string => `\
# Sets what may stand behind a command: below, words_here, flags, valued; and values or files for the value of an option.
__epoxy_case() {
  local names="$1" previous="$2"
  below='' words_here='' flags='' valued='' values='' files='' takes_files=''
  case "$names" in
${caseLines(cases)}
    *) return 1 ;;
  esac
}

# Prints the words that fit: the arguments are all words before the one to complete, then that one.
__epoxy_candidates() {
  local names='' previous='' word next count=0 skip='' below words_here flags valued values files takes_files
  local current=''
  while [ $# -gt 1 ]; do
    word="$1"; shift
    __epoxy_case "$names" ''
    previous="$word"
    if [ -n "$skip" ]; then skip=''; previous=''; continue; fi
    case "$word" in
      -*) case "$valued" in *" $word "*) skip=1 ;; esac; continue ;;
    esac
    next="$names\${names:+ }$word"
    if [ $count -eq 0 ] && __epoxy_case "$next" ''; then names="$next"; else count=$((count + 1)); fi
  done
  current="$1"
  [ -n "$skip" ] || previous=''
  __epoxy_case "$names" "$previous"
  if [ -n "$skip" ]; then
    if [ -n "$files" ]; then echo ':files'; else printf '%s\\n' "$values" | tr ' ' '\\n'; fi
    return
  fi
  case "$current" in
    -*) printf '%s\\n' "$flags" | tr ' ' '\\n'; return ;;
  esac
  if [ $count -eq 0 ]; then printf '%s %s\\n' "$below" "$words_here" | tr ' ' '\\n'; fi
  [ -z "$takes_files" ] || echo ':files'
}
`;

/** The script for bash. */
export const bashScript = (cases: readonly CompletionCase[]): string => `\
# Completion of epoxy for bash; made by: epoxy completion bash
${describeCase(cases)}
_epoxy() {
  local current="\${COMP_WORDS[COMP_CWORD]}" found word
  found="$(__epoxy_candidates "\${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current")"
  COMPREPLY=()
  # No mapfile: the bash of macOS has none.
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(
    case "$found" in
      *:files*) compgen -f -- "$current" ;;
      *) compgen -W "$found" -- "$current" ;;
    esac
  )
  case "$found" in *:files*) compopt -o filenames 2>/dev/null ;; esac
}
complete -F _epoxy epoxy
`;

/** The script for zsh; it may lie in a folder of $fpath as \`_epoxy\`, or be sourced after compinit. */
export const zshScript = (cases: readonly CompletionCase[]): string => `\
#compdef epoxy
# Completion of epoxy for zsh; made by: epoxy completion zsh
${describeCase(cases)}
_epoxy() {
  local -a found
  found=(\${(f)"$(__epoxy_candidates "\${(@)words[2,CURRENT-1]}" "\${words[CURRENT]}")"})
  if (( \${found[(Ie):files]} )); then _files; else compadd -- \${found:#}; fi
}
if [ "\${funcstack[1]}" = _epoxy ]; then _epoxy "$@"; elif (( $+functions[compdef] )); then compdef _epoxy epoxy; fi
`;

/** The script for fish. */
export function fishScript(cases: readonly CompletionCase[]): string {
  const lines = cases.flatMap(({ path, commands, options, words, takesFiles }) => {
    const here = `-n ${quoted(`__epoxy_at ${quoted(path)}`)}`;
    const first = `-n ${quoted(`__epoxy_at ${quoted(path)} first`)}`;
    return [
      ...commands.map(({ word, help }) => `complete -c epoxy -f ${first} -a ${word} -d ${quoted(help)}`),
      ...(words.length === 0 ? [] : [`complete -c epoxy -f ${first} -a ${quoted(words.join(" "))}`]),
      ...(takesFiles ? [`complete -c epoxy -F ${here}`] : []),
      ...options.map(({ word, short, help, takesValue, values, isFile }) => {
        const shortOption = short === undefined ? "" : ` -s ${short}`;
        const value = !takesValue
          ? ""
          : isFile
            ? " -r -F"
            : ` -x${values.length > 0 ? ` -a ${quoted(values.join(" "))}` : ""}`;
        return `complete -c epoxy ${here} -l ${word}${shortOption}${value} -d ${quoted(help)}`;
      }),
    ];
  });
  const paths = cases.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  // An option that takes a value takes one in every command.
  const valued = new Set(cases.flatMap(({ options }) => optionWords(options.filter(({ takesValue }) => takesValue))));
  return `\
# Completion of epoxy for fish; made by: epoxy completion fish
# Whether the commands on the line so far are these; with "first", whether no argument follows them yet.
function __epoxy_at
  set -l path ""
  set -l arguments 0
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
    else if string match -q -- "-*" $word
      contains -- $word ${[...valued].join(" ")}; and set skip 1
    else
      set -l next (string trim -- "$path $word")
      if test $arguments = 0; and contains -- $next ${paths.join(" ")}
        set path $next
      else
        set arguments (math $arguments + 1)
      end
    end
  end
  test "$path" = "$argv[1]"; and begin
    test (count $argv) = 1; or test $arguments = 0
  end
end
complete -c epoxy -f
${lines.join("\n")}
`;
}
