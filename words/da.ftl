### Danish, as spoken in Denmark.
### Name: Dansk
### Locales: da
### Countries: DK, FO, GL
### Speech: da-DK
### Voice: Polly.Sofie-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Du har oprettet en konto. Svar { $word } for at bekræfte den

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Nogen har bedt om at ændre din adgangskode. Hvis det var dig, så svar { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = JA

# SMS: the reply was another word.
wrong-reply = Prøv igen. Svar { $word }, eller lad være med at svare

# SMS: the account is verified.
confirmed = Tak. Din konto er bekræftet.

# SMS: the confirmation was sent, but its result is not known.
submitted = Tak. Du kan logge ind nu.

# SMS: the confirmation failed for the moment.
retry-reply = Der skete en fejl hos os. Svar { $word } igen om et par minutter.

# SMS: the person replied too late, or the link was used before.
expired-reply = Anmodningen gælder ikke længere. Start venligst forfra.

# SMS: the link that lets the person choose a new password.
password-link = Åbn linket for at vælge din adgangskode: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Flere anmodninger venter på dig.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Svar { $word } { $code } for at bekræfte kontoen ({ $age })

# SMS: a line of the list, as above.
several-password = Svar { $word } { $code } for at ændre adgangskoden ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = for et øjeblik siden

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] for { $minutes } minut siden
   *[other] for { $minutes } minutter siden
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] for { $hours } time siden
   *[other] for { $hours } timer siden
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Din kode er { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Din kode til at bekræfte din konto er { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Din kode til at nulstille din adgangskode er { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Din kode til at bekræfte dit telefonnummer er { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Din kode til at logge ind er { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Din midlertidige adgangskode er { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Din kode er: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Vent venligst. Du bliver stillet om til { $name }.

# As above. The employee's name is not known.
connecting-without-name = Vent venligst. Du bliver stillet om.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = den, du ringer til

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Vi beklager, der kan ikke opnås forbindelse til dette nummer. Farvel.

# Spoken: too many calls to this number at the moment.
number-busy = Vi beklager, nummeret er optaget. Prøv igen senere. Farvel.

# Spoken in any call: a failure is ours.
apology = Vi beklager, der skete en fejl hos os. Ring venligst igen om et par minutter. Farvel.

# Spoken before the tone. The caller may then leave a message.
leave-message = Ingen kan tage telefonen lige nu. Læg en besked efter tonen, og tryk på firkant, når du er færdig.

# Spoken at the end of any call.
goodbye = Farvel.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Talebesked fra { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Talebesked fra hemmeligt nummer ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Ubesvaret opkald fra { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Ubesvaret opkald fra hemmeligt nummer

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = Fra: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Ikke sendt, fordi det ikke er klart til hvem. Begynd din sms med et nummer, for eksempel: { $example }: Hej

# SMS to the employee: texts to this number are not allowed.
not-allowed = Ikke sendt: Det er ikke tilladt at sende sms'er til dette nummer.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Ikke sendt: Der er sendt flere sms'er fra dit firmanummer, end det er tilladt. Prøv igen { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Der er kommet flere sms'er til dit firmanummer, end der videresendes. Det fortsætter { $again }. Resten ligger i Twilios log.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] om ca. { $minutes } minut
   *[other] om ca. { $minutes } minutter
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] om ca. { $hours } time
   *[other] om ca. { $hours } timer
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = når grænsen er hævet

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Velkommen.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = For dansk, tryk { $digit }.

# Spoken.
ask-account = Indtast dit kontonummer, og afslut med firkant.

# Spoken if the caller may also speak the account number.
ask-account-speech = Sig dit kontonummer, eller indtast det, og afslut med firkant.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Indtast din pinkode på { $digits } ciffer.
   *[other] Indtast din pinkode på { $digits } cifre.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Vi beklager, kontonummeret og pinkoden kunne ikke godkendes.

# Spoken: the keys make no sense.
not-understood = Det forstod vi ikke.

# Spoken after the right PIN.
welcome-account = Velkommen.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Velkommen, { $greeting }.

# Spoken: an entry of the menu.
press-for = Tryk { $digit } for { $label }.

# An entry of the menu, inside press-for.
label-balance = saldo

# An entry of the menu, inside press-for.
label-payments = betalinger

# An entry of the menu, inside press-for.
label-exit = at afslutte

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Din saldo er { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Din seneste betaling var på { $amount } { $currency } den { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Der er ingen oplysninger om dette.

# Spoken: the system with the accounts does not answer.
not-now = Vi beklager, det er ikke muligt lige nu.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = nul en/et/én/ét to tre fire fem seks syv otte ni
