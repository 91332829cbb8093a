import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import { language } from './i18n'
import './styles/tokens.css'
import './styles/base.css'
import './styles/sign-in.css'
import './styles/chats.css'
import './styles/room.css'
import './styles/message.css'

document.documentElement.lang = language
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
