const LINK = /https?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]}]/g

/** Text as it was written, with addresses of the web as links. Nothing in it is taken for markup. */
export function RichText({ text }: { text: string }) {
  const parts = []
  let at = 0
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(at, match.index))
    parts.push(
      <a key={match.index} href={match[0]} target="_blank" rel="noopener noreferrer nofollow">
        {match[0]}
      </a>,
    )
    at = match.index + match[0].length
  }
  parts.push(text.slice(at))
  return <>{parts}</>
}
