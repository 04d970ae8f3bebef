### Norwegian (Bokmål), as spoken in Norway.
### Name: Norsk
### Locales: nb, no, nn
### Countries: NO, SJ
### Speech: nb-NO
### Voice: Polly.Ida-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Du har opprettet en konto. Svar { $word } for å bekrefte den

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Noen har bedt om å endre passordet ditt. Hvis det var deg, svar { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = JA

# SMS: the reply was another word.
wrong-reply = Prøv igjen. Svar { $word }, eller la være å svare

# SMS: the account is verified.
confirmed = Takk. Kontoen din er bekreftet.

# SMS: the confirmation was sent, but its result is not known.
submitted = Takk. Du kan logge inn nå.

# SMS: the confirmation failed for the moment.
retry-reply = Noe gikk galt hos oss. Svar { $word } igjen om noen minutter.

# SMS: the person replied too late, or the link was used before.
expired-reply = Forespørselen gjelder ikke lenger. Start på nytt.

# SMS: the link that lets the person choose a new password.
password-link = Åpne lenken for å velge passord: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Flere forespørsler venter på deg.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Svar { $word } { $code } for å bekrefte kontoen ({ $age })

# SMS: a line of the list, as above.
several-password = Svar { $word } { $code } for å endre passordet ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = nå nettopp

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] for { $minutes } minutt siden
   *[other] for { $minutes } minutter siden
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] for { $hours } time siden
   *[other] for { $hours } timer siden
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Koden din er { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Koden for å bekrefte kontoen din er { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Koden for å tilbakestille passordet ditt er { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Koden for å bekrefte telefonnummeret ditt er { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Koden for å logge inn er { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Det midlertidige passordet ditt er { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Koden din er: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Vennligst vent. Du settes over til { $name }.

# As above. The employee's name is not known.
connecting-without-name = Vennligst vent. Du settes over.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = den du ringer til

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Beklager, dette nummeret kan ikke nås. Ha det bra.

# Spoken: too many calls to this number at the moment.
number-busy = Beklager, nummeret er opptatt. Prøv igjen senere. Ha det bra.

# Spoken in any call: a failure is ours.
apology = Beklager, noe gikk galt hos oss. Ring igjen om noen minutter. Ha det bra.

# Spoken before the tone. The caller may then leave a message.
leave-message = Ingen kan ta telefonen akkurat nå. Legg igjen en beskjed etter tonen, og trykk på firkanttasten når du er ferdig.

# Spoken at the end of any call.
goodbye = Ha det bra.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Talemelding fra { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Talemelding fra skjult nummer ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Tapt anrop fra { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Tapt anrop fra skjult nummer

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = Fra: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Ikke sendt, fordi det ikke er klart til hvem. Begynn meldingen med et nummer, slik: { $example }: Hei

# SMS to the employee: texts to this number are not allowed.
not-allowed = Ikke sendt: SMS til dette nummeret er ikke tillatt.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Ikke sendt: Det er sendt flere SMS fra bedriftsnummeret ditt enn tillatt. Prøv igjen { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Det har kommet flere SMS til bedriftsnummeret ditt enn det som videresendes. Det fortsetter { $again }. Resten ligger i Twilios logg.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] om ca. { $minutes } minutt
   *[other] om ca. { $minutes } minutter
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] om ca. { $hours } time
   *[other] om ca. { $hours } timer
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = når grensen er hevet

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Velkommen.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = For norsk, trykk { $digit }.

# Spoken.
ask-account = Tast inn kontonummeret ditt, og avslutt med firkanttasten.

# Spoken if the caller may also speak the account number.
ask-account-speech = Si kontonummeret ditt, eller tast det inn og avslutt med firkanttasten.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Tast inn PIN-koden din på { $digits } siffer.
   *[other] Tast inn PIN-koden din på { $digits } sifre.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Beklager, kontonummeret og PIN-koden kunne ikke godkjennes.

# Spoken: the keys make no sense.
not-understood = Det forstod vi ikke.

# Spoken after the right PIN.
welcome-account = Velkommen.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Velkommen, { $greeting }.

# Spoken: an entry of the menu.
press-for = Trykk { $digit } for { $label }.

# An entry of the menu, inside press-for.
label-balance = saldo

# An entry of the menu, inside press-for.
label-payments = betalinger

# An entry of the menu, inside press-for.
label-exit = å avslutte

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Saldoen din er { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Den siste betalingen din var på { $amount } { $currency } den { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Det finnes ingen opplysninger om dette.

# Spoken: the system with the accounts does not answer.
not-now = Beklager, dette er ikke tilgjengelig akkurat nå.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = null en/ett/én/ein to tre fire fem seks sju/syv åtte ni
