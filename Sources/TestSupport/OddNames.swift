// SPDX-License-Identifier: Apache-2.0
internal import Report

/// Makes `folder` with files whose names no text has, or that look like others; each holds its name.
package func plantOddNames(in folder: String) throws {
  let outcome = try bash(
    #"""
    set -e; mkdir -p "$FOLDER"; cd "$FOLDER"
    long=$(printf '\xe9%.0s' {1..255})
    for name in $'caf\xe9' $'caf\xe8' $'caf\xc3\xa9' $'cafe\xcc\x81' $'\xe2\x84\xaa' K $'\xc0\xaf' $'\xed\xa0\x80' \
      $'\xf4\x90\x80\x80' $'new\nline' $'\x01' $'\e[31mred' $'\xe2\x80\xaegpj' $'\xc2\x9b2J' $'\x9b2J' 'back\slash' '\xe9' \
      '\' -rf '#' ' ' '*' '~' $'tab\t' $'\r' '"' "'" "$long"; do
      printf %s "$name" > "./$name"
    done
    for name in $'folder\xe9' $'folder\xe8'; do mkdir "$name"; printf %s "$name" > "$name/$name"; done
    ln -s $'caf\xe9' link; ln -s $'caf\xe8' $'link\xe9'; ln -s "$long/$long/$long" $'long-link\xe8'
    ln $'caf\xe9' $'hard\xe9'; ln $'caf\xe8' $'hard\xe8'; mkfifo $'pipe\xe9'
    setfattr -n $'user.\xe9' -v one K; setfattr -n $'user.\xe8' -v other K; setfattr -n $'user.\xc3\xa9' -v text K
    """#, environment: ["FOLDER": folder])
  guard outcome.status == 0 else { throw Failure(.tool, "\(outcome)") }
}
