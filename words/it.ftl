### Italian, as spoken in Italy.
### Name: Italiano
### Locales: it
### Countries: IT, SM, VA
### Speech: it-IT
### Voice: Polly.Bianca-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Ha creato un account. Risponda { $word } per confermarlo

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Qualcuno ha chiesto di cambiare la Sua password. Se la richiesta è Sua, risponda { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = Sì, SI

# SMS: the reply was another word.
wrong-reply = Riprovi. Risponda { $word } oppure non risponda

# SMS: the account is verified.
confirmed = Grazie. Il Suo account è confermato.

# SMS: the confirmation was sent, but its result is not known.
submitted = Grazie. Ora può accedere.

# SMS: the confirmation failed for the moment.
retry-reply = Si è verificato un problema da parte nostra. Risponda di nuovo { $word } tra qualche minuto.

# SMS: the person replied too late, or the link was used before.
expired-reply = Questa richiesta non è più valida. La preghiamo di ricominciare.

# SMS: the link that lets the person choose a new password.
password-link = Apra questo link per scegliere la password: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Ci sono più richieste in attesa.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Risponda { $word } { $code } per confermare l'account ({ $age })

# SMS: a line of the list, as above.
several-password = Risponda { $word } { $code } per cambiare la password ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = un attimo fa

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] { $minutes } minuto fa
   *[other] { $minutes } minuti fa
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] { $hours } ora fa
   *[other] { $hours } ore fa
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Il Suo codice è { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Il Suo codice per confermare l'account è { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Il Suo codice per reimpostare la password è { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Il Suo codice per confermare il numero di telefono è { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Il Suo codice di accesso è { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = La Sua password temporanea è { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Il Suo codice è: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Attenda in linea. La stiamo mettendo in contatto con { $name }.

# As above. The employee's name is not known.
connecting-without-name = Attenda in linea. La stiamo mettendo in contatto con la persona desiderata.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = la persona desiderata

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Siamo spiacenti, questo numero non è raggiungibile. Arrivederci.

# Spoken: too many calls to this number at the moment.
number-busy = Siamo spiacenti, il numero è occupato. La preghiamo di riprovare più tardi. Arrivederci.

# Spoken in any call: a failure is ours.
apology = Siamo spiacenti, si è verificato un problema da parte nostra. La preghiamo di richiamare tra qualche minuto. Arrivederci.

# Spoken before the tone. The caller may then leave a message.
leave-message = Al momento nessuno può rispondere alla Sua chiamata. Lasci un messaggio dopo il segnale acustico e, al termine, prema il tasto cancelletto.

# Spoken at the end of any call.
goodbye = Arrivederci.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Messaggio vocale da { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Messaggio vocale da un numero nascosto ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Chiamata persa da { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Chiamata persa da un numero nascosto

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = Da: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Non inviato, perché manca il destinatario. Inizi il Suo SMS con un numero, ad esempio: { $example }: Buongiorno

# SMS to the employee: texts to this number are not allowed.
not-allowed = Non inviato: gli SMS a questo numero non sono consentiti.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Non inviato: dal Suo numero aziendale sono partiti più SMS di quelli consentiti. Riprovi { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Al Suo numero aziendale sono arrivati più SMS di quelli inoltrati. L'inoltro riprende { $again }. Gli altri sono nel registro di Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] tra circa { $minutes } minuto
   *[other] tra circa { $minutes } minuti
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] tra circa { $hours } ora
   *[other] tra circa { $hours } ore
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = quando il limite sarà aumentato

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Le diamo il benvenuto.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = Per l'italiano, prema { $digit }.

# Spoken.
ask-account = Inserisca il Suo numero di conto, seguito dal tasto cancelletto.

# Spoken if the caller may also speak the account number.
ask-account-speech = Pronunci il Suo numero di conto, oppure lo inserisca, seguito dal tasto cancelletto.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Inserisca il Suo PIN di { $digits } cifra.
   *[other] Inserisca il Suo PIN di { $digits } cifre.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Siamo spiacenti, non è stato possibile accettare questo numero di conto e questo PIN.

# Spoken: the keys make no sense.
not-understood = Non abbiamo capito.

# Spoken after the right PIN.
welcome-account = Le diamo il benvenuto.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Le diamo il benvenuto, { $greeting }.

# Spoken: an entry of the menu.
press-for = Per { $label }, prema { $digit }.

# An entry of the menu, inside press-for.
label-balance = il saldo del conto

# An entry of the menu, inside press-for.
label-payments = i pagamenti

# An entry of the menu, inside press-for.
label-exit = uscire

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Il Suo saldo è di { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Il Suo ultimo pagamento è stato di { $amount } { $currency } in data { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Non ci sono informazioni al riguardo.

# Spoken: the system with the accounts does not answer.
not-now = Siamo spiacenti, al momento questo servizio non è disponibile.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = zero uno/una/un due tre quattro cinque sei sette otto nove
