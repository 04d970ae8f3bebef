### German, as spoken in Germany.
### Name: Deutsch
### Locales: de, gsw
### Countries: DE, AT, CH, LI
### Speech: de-DE
### Voice: Polly.Vicki-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Sie haben ein Konto eröffnet. Antworten Sie zur Bestätigung mit { $word }

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Jemand möchte Ihr Passwort ändern. Wenn Sie das waren, antworten Sie mit { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = JA

# SMS: the reply was another word.
wrong-reply = Bitte versuchen Sie es erneut. Antworten Sie mit { $word } oder gar nicht

# SMS: the account is verified.
confirmed = Vielen Dank. Ihr Konto ist bestätigt.

# SMS: the confirmation was sent, but its result is not known.
submitted = Vielen Dank. Sie können sich jetzt anmelden.

# SMS: the confirmation failed for the moment.
retry-reply = Bei uns ist ein Fehler aufgetreten. Bitte antworten Sie in einigen Minuten erneut mit { $word }.

# SMS: the person replied too late, or the link was used before.
expired-reply = Diese Anfrage ist nicht mehr gültig. Bitte beginnen Sie von vorn.

# SMS: the link that lets the person choose a new password.
password-link = Über diesen Link wählen Sie Ihr Passwort: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Mehrere Anfragen warten auf Sie.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Antworten Sie { $word } { $code } zur Kontobestätigung ({ $age })

# SMS: a line of the list, as above.
several-password = Antworten Sie { $word } { $code } zur Passwortänderung ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = gerade eben

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] vor { $minutes } Minute
   *[other] vor { $minutes } Minuten
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] vor { $hours } Stunde
   *[other] vor { $hours } Stunden
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Ihr Code lautet { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Ihr Code zur Bestätigung Ihres Kontos lautet { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Ihr Code zum Zurücksetzen des Passworts lautet { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Ihr Code zur Bestätigung Ihrer Telefonnummer lautet { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Ihr Code für die Anmeldung lautet { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Ihr vorläufiges Passwort lautet { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Ihr Code lautet: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Bitte warten Sie. Sie werden mit { $name } verbunden.

# As above. The employee's name is not known.
connecting-without-name = Bitte warten Sie. Sie werden verbunden.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = der gewünschten Person

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Diese Rufnummer ist leider nicht erreichbar. Auf Wiederhören.

# Spoken: too many calls to this number at the moment.
number-busy = Diese Rufnummer ist leider besetzt. Bitte versuchen Sie es später erneut. Auf Wiederhören.

# Spoken in any call: a failure is ours.
apology = Bei uns ist leider ein Fehler aufgetreten. Bitte rufen Sie in einigen Minuten erneut an. Auf Wiederhören.

# Spoken before the tone. The caller may then leave a message.
leave-message = Ihr Anruf kann zurzeit nicht entgegengenommen werden. Bitte hinterlassen Sie nach dem Signalton eine Nachricht und drücken Sie am Ende die Rautetaste.

# Spoken at the end of any call.
goodbye = Auf Wiederhören.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Sprachnachricht von { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Sprachnachricht mit unterdrückter Nummer ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Entgangener Anruf von { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Entgangener Anruf mit unterdrückter Nummer

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = Von: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Nicht gesendet, da der Empfänger fehlt. Beginnen Sie Ihre SMS mit einer Nummer, zum Beispiel so: { $example }: Hallo

# SMS to the employee: texts to this number are not allowed.
not-allowed = Nicht gesendet: SMS an diese Nummer sind nicht erlaubt.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Nicht gesendet: Von Ihrer Firmennummer gingen mehr SMS aus als erlaubt. Bitte versuchen Sie es { $again } erneut.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = An Ihre Firmennummer kamen mehr SMS, als weitergeleitet werden. Weiter geht es { $again }. Die übrigen stehen im Protokoll von Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] in etwa { $minutes } Minute
   *[other] in etwa { $minutes } Minuten
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] in etwa { $hours } Stunde
   *[other] in etwa { $hours } Stunden
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = nach Erhöhung des Limits

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Willkommen.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = Für Deutsch drücken Sie die { $digit }.

# Spoken.
ask-account = Bitte geben Sie Ihre Kontonummer ein und drücken Sie die Rautetaste.

# Spoken if the caller may also speak the account number.
ask-account-speech = Bitte sagen Sie Ihre Kontonummer, oder geben Sie sie ein und drücken Sie die Rautetaste.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Bitte geben Sie Ihre PIN mit { $digits } Ziffer ein.
   *[other] Bitte geben Sie Ihre PIN mit { $digits } Ziffern ein.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Diese Kontonummer und PIN konnten leider nicht akzeptiert werden.

# Spoken: the keys make no sense.
not-understood = Das haben wir nicht verstanden.

# Spoken after the right PIN.
welcome-account = Willkommen.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Willkommen, { $greeting }.

# Spoken: an entry of the menu.
press-for = Für { $label } drücken Sie die { $digit }.

# An entry of the menu, inside press-for.
label-balance = Kontostand

# An entry of the menu, inside press-for.
label-payments = Zahlungen

# An entry of the menu, inside press-for.
label-exit = Gesprächsende

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Ihr Kontostand beträgt { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Ihre letzte Zahlung vom { $date } betrug { $amount } { $currency }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Dazu liegen keine Angaben vor.

# Spoken: the system with the accounts does not answer.
not-now = Das ist im Moment leider nicht verfügbar.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = null eins/ein/eine zwei/zwo drei vier fünf sechs sieben acht neun
