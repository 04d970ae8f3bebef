### Dutch, as spoken in the Netherlands.
### Name: Nederlands
### Locales: nl
### Countries: NL, BE, SR, AW, BQ, CW
### Speech: nl-NL
### Voice: Polly.Laura-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = U hebt een account aangemaakt. Antwoord { $word } om dit te bevestigen

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Iemand wil uw wachtwoord wijzigen. Bent u dit zelf? Antwoord dan { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = JA

# SMS: the reply was another word.
wrong-reply = Probeer het opnieuw. Antwoord { $word } of antwoord niet

# SMS: the account is verified.
confirmed = Bedankt. Uw account is bevestigd.

# SMS: the confirmation was sent, but its result is not known.
submitted = Bedankt. U kunt nu inloggen.

# SMS: the confirmation failed for the moment.
retry-reply = Er ging iets mis bij ons. Antwoord over een paar minuten opnieuw { $word }.

# SMS: the person replied too late, or the link was used before.
expired-reply = Dit verzoek is niet meer geldig. Begin alstublieft opnieuw.

# SMS: the link that lets the person choose a new password.
password-link = Open deze link om uw wachtwoord te kiezen: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Er staan meerdere verzoeken open.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Antwoord { $word } { $code } voor accountbevestiging ({ $age })

# SMS: a line of the list, as above.
several-password = Antwoord { $word } { $code } voor wachtwoordwijziging ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = zojuist

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] { $minutes } minuut geleden
   *[other] { $minutes } minuten geleden
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] { $hours } uur geleden
   *[other] { $hours } uur geleden
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Uw code is { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Uw code om uw account te bevestigen is { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Uw code om uw wachtwoord opnieuw in te stellen is { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Uw code om uw telefoonnummer te bevestigen is { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Uw inlogcode is { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Uw tijdelijke wachtwoord is { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Uw code is: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Een ogenblik geduld. U wordt doorverbonden met { $name }.

# As above. The employee's name is not known.
connecting-without-name = Een ogenblik geduld. U wordt doorverbonden.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = de gewenste persoon

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Dit nummer is helaas niet bereikbaar. Tot ziens.

# Spoken: too many calls to this number at the moment.
number-busy = Dit nummer is helaas in gesprek. Probeer het later opnieuw. Tot ziens.

# Spoken in any call: a failure is ours.
apology = Onze excuses, er ging iets mis bij ons. Bel over een paar minuten opnieuw. Tot ziens.

# Spoken before the tone. The caller may then leave a message.
leave-message = Op dit moment kan niemand uw oproep beantwoorden. Spreek na de toon een bericht in en druk op het hekje als u klaar bent.

# Spoken at the end of any call.
goodbye = Tot ziens.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Voicemail van { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Voicemail van een anoniem nummer ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Gemiste oproep van { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Gemiste oproep van een anoniem nummer

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = Van: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Niet verzonden, omdat niet duidelijk is aan wie. Begin uw sms met een nummer, bijvoorbeeld: { $example }: Hallo

# SMS to the employee: texts to this number are not allowed.
not-allowed = Niet verzonden: sms'en naar dit nummer is niet toegestaan.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Niet verzonden: vanaf uw zakelijke nummer zijn meer sms'en verstuurd dan toegestaan. Probeer het opnieuw { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Uw zakelijke nummer kreeg meer sms'en dan er worden doorgestuurd. Dat gaat verder { $again }. De overige staan in het log van Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] over ongeveer { $minutes } minuut
   *[other] over ongeveer { $minutes } minuten
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] over ongeveer { $hours } uur
   *[other] over ongeveer { $hours } uur
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = zodra de limiet is verhoogd

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Welkom.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = Voor Nederlands toetst u { $digit }.

# Spoken.
ask-account = Toets uw rekeningnummer in, gevolgd door een hekje.

# Spoken if the caller may also speak the account number.
ask-account-speech = Noem uw rekeningnummer, of toets het in, gevolgd door een hekje.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Toets uw pincode van { $digits } cijfer in.
   *[other] Toets uw pincode van { $digits } cijfers in.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Dit rekeningnummer en deze pincode konden helaas niet worden geaccepteerd.

# Spoken: the keys make no sense.
not-understood = Dat hebben we niet begrepen.

# Spoken after the right PIN.
welcome-account = Welkom.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Welkom, { $greeting }.

# Spoken: an entry of the menu.
press-for = Toets { $digit } voor { $label }.

# An entry of the menu, inside press-for.
label-balance = saldo

# An entry of the menu, inside press-for.
label-payments = betalingen

# An entry of the menu, inside press-for.
label-exit = afsluiten

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Uw saldo is { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Uw laatste betaling was { $amount } { $currency } op { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Hierover is geen informatie.

# Spoken: the system with the accounts does not answer.
not-now = Dit is op dit moment helaas niet beschikbaar.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = nul een/één/eén twee drie vier vijf zes zeven acht negen
