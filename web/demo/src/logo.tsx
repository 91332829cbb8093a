/** The mark: people in a circle. */
export function Logo() {
  const people: [number, number][] = [[16, 7.6], [23.9, 13.4], [20.9, 22.8], [11.1, 22.8]]
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect className="logo-ground" width="32" height="32" rx="9" />
      {people.map(([x, y]) => (
        <circle key={x} className="logo-other" cx={x} cy={y} r="3" />
      ))}
      <circle className="logo-you" cx="8.1" cy="13.4" r="3" />
    </svg>
  )
}
