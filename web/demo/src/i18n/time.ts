import { locale } from '.'

const clock = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' })
const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short' })
const dayMonth = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' })
const longDay = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' })
const longDate = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' })
const full = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Midnights between two times, where the reader is. */
function daysBetween(earlier: Date, later: Date): number {
  const day = (d: Date) => Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / (24 * HOUR)
  return day(later) - day(earlier)
}

/** The same for all times of one day where the reader is. */
export function dayKey(iso: string): string {
  return new Date(iso).toDateString()
}

/** A day between messages: today, yesterday, Monday 3 March, 3 March 2024. */
export function dayName(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const ago = daysBetween(date, now)
  if (ago === 0 || ago === 1) return capital(relative.format(-ago, 'day'))
  return capital((ago > 1 && ago < 300 ? longDay : longDate).format(date))
}

/** Hour and minute. */
export function clockTime(iso: string): string {
  return clock.format(new Date(iso))
}

/** Day and time in full. */
export function fullTime(iso: string): string {
  return full.format(new Date(iso))
}

/** The shortest that says when: 10:32, Mon, 3 Mar. */
export function shortTime(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const ago = daysBetween(date, now)
  if (ago <= 0) return clock.format(date)
  return (ago < 7 ? weekday : dayMonth).format(date)
}

/** How long ago in words: 5 minutes ago, yesterday. */
export function ago(iso: string, now = new Date()): string {
  const date = new Date(iso)
  const passed = Math.max(0, now.getTime() - date.getTime())
  if (passed < HOUR) return relative.format(-Math.round(passed / MINUTE), 'minute')
  const days = daysBetween(date, now)
  return days === 0 ? relative.format(-Math.round(passed / HOUR), 'hour') : relative.format(-days, 'day')
}

function capital(text: string): string {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1)
}
