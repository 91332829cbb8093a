import { en } from './en'
import { es } from './es'

/** A text that depends on a number: one form for each plural category. */
export interface Plural {
  one: string
  many?: string
  other: string
}

type Translated<T> = T extends string ? string : T extends { other: string } ? Plural : { [K in keyof T]: Translated<T[K]> }

/** Every text of the page in one language: a translation lacks nothing and has nothing more. */
export type Texts = Translated<typeof en>

const languages: Record<string, Texts> = { en, es }

/** The page's language: `?lang=`, or the browser's first one that there are texts for, or English. */
export const language = choose(new URLSearchParams(location.search).get('lang'), navigator.languages)

/** The browser's own kind of that language, for dates: `es-MX` rather than `es`. */
export const locale = navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language

/** The texts in the page's language. */
export const t: Texts = languages[language]

function choose(asked: string | null, tags: readonly string[]): string {
  const wanted = [asked ?? '', ...tags].map((tag) => tag.toLowerCase().split('-')[0])
  return wanted.find((tag) => Object.hasOwn(languages, tag)) ?? 'en'
}

/** Puts values in the places of a text: `fill('{n} of {m}', {n: 1, m: 2})`. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place))
}

const rules = new Intl.PluralRules(language)
const numbers = new Intl.NumberFormat(locale)

/** A number with the words that belong to it. */
export function count(plural: Plural, n: number): string {
  const form = rules.select(n)
  const text = form === 'one' ? plural.one : form === 'many' ? (plural.many ?? plural.other) : plural.other
  return fill(text, { n: numbers.format(n) })
}

/** The sentence for an error's code in the page's language; the server's own for a code of later times. */
export function reason(error: { code: string; message: string }): string {
  return (t.errors as Record<string, string>)[error.code] ?? error.message
}
