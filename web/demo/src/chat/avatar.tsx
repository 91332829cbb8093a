import type { CSSProperties } from 'react'

/** A hue that is always the same for one name. */
function hue(name: string): number {
  let sum = 0
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)!) % 360
  return sum
}

function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/)
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]]
  return letters.map((word) => [...(word ?? '')][0] ?? '').join('').toLocaleUpperCase()
}

/** Initials on a colour; the name stands beside it, so readers of the screen skip this. */
export function Avatar({ name, online, group }: { name: string; online?: boolean; group?: boolean }) {
  return (
    <span className={group ? 'avatar group' : 'avatar'} style={{ '--hue': hue(name) } as CSSProperties} aria-hidden="true">
      {group ? '#' : initials(name)}
      {online && <span className="dot" />}
    </span>
  )
}
