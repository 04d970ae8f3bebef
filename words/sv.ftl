### Swedish, as spoken in Sweden.
### Name: Svenska
### Locales: sv
### Countries: SE, AX
### Speech: sv-SE
### Voice: Polly.Elin-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Du har skapat ett konto. Svara { $word } för att bekräfta det

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Någon har bett om att byta ditt lösenord. Om det var du, svara { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = JA

# SMS: the reply was another word.
wrong-reply = Försök igen. Svara { $word } eller låt bli att svara

# SMS: the account is verified.
confirmed = Tack. Ditt konto är bekräftat.

# SMS: the confirmation was sent, but its result is not known.
submitted = Tack. Du kan logga in nu.

# SMS: the confirmation failed for the moment.
retry-reply = Något gick fel hos oss. Svara { $word } igen om några minuter.

# SMS: the person replied too late, or the link was used before.
expired-reply = Begäran gäller inte längre. Börja om från början.

# SMS: the link that lets the person choose a new password.
password-link = Öppna länken för att välja ditt lösenord: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Flera ärenden väntar på dig.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Svara { $word } { $code } för att bekräfta kontot ({ $age })

# SMS: a line of the list, as above.
several-password = Svara { $word } { $code } för att byta lösenord ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = för en liten stund sedan

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] för { $minutes } minut sedan
   *[other] för { $minutes } minuter sedan
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] för { $hours } timme sedan
   *[other] för { $hours } timmar sedan
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Din kod är { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Din kod för att bekräfta ditt konto är { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Din kod för att återställa lösenordet är { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Din kod för att bekräfta ditt telefonnummer är { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Din kod för att logga in är { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Ditt tillfälliga lösenord är { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Din kod är: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Var god vänta. Du kopplas till { $name }.

# As above. The employee's name is not known.
connecting-without-name = Var god vänta. Du kopplas fram.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = den du söker

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Numret kan tyvärr inte nås. Hej då.

# Spoken: too many calls to this number at the moment.
number-busy = Numret är tyvärr upptaget. Försök igen senare. Hej då.

# Spoken in any call: a failure is ours.
apology = Något gick tyvärr fel hos oss. Ring igen om några minuter. Hej då.

# Spoken before the tone. The caller may then leave a message.
leave-message = Ingen kan ta ditt samtal just nu. Lämna ett meddelande efter tonen och tryck på fyrkant när du är klar.

# Spoken at the end of any call.
goodbye = Hej då.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Röstmeddelande från { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Röstmeddelande från dolt nummer ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Missat samtal från { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Missat samtal från dolt nummer

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = Från: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Inte skickat, eftersom mottagaren saknas. Börja ditt sms med ett nummer, så här: { $example }: Hej

# SMS to the employee: texts to this number are not allowed.
not-allowed = Inte skickat: sms till det här numret är inte tillåtna.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Inte skickat: fler sms än tillåtet har skickats från ditt företagsnummer. Försök igen { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Fler sms har kommit till ditt företagsnummer än vad som vidarebefordras. Det fortsätter { $again }. Övriga finns i Twilios logg.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] om cirka { $minutes } minut
   *[other] om cirka { $minutes } minuter
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] om cirka { $hours } timme
   *[other] om cirka { $hours } timmar
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = när gränsen har höjts

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Välkommen.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = För svenska, tryck { $digit }.

# Spoken.
ask-account = Knappa in ditt kontonummer och avsluta med fyrkant.

# Spoken if the caller may also speak the account number.
ask-account-speech = Säg ditt kontonummer, eller knappa in det och avsluta med fyrkant.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Knappa in din pinkod med { $digits } siffra.
   *[other] Knappa in din pinkod med { $digits } siffror.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Kontonumret och pinkoden kunde tyvärr inte godkännas.

# Spoken: the keys make no sense.
not-understood = Det förstod vi inte.

# Spoken after the right PIN.
welcome-account = Välkommen.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Välkommen, { $greeting }.

# Spoken: an entry of the menu.
press-for = Tryck { $digit } för { $label }.

# An entry of the menu, inside press-for.
label-balance = saldo

# An entry of the menu, inside press-for.
label-payments = betalningar

# An entry of the menu, inside press-for.
label-exit = att avsluta

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Ditt saldo är { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Din senaste betalning var på { $amount } { $currency } den { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Det finns ingen information om detta.

# Spoken: the system with the accounts does not answer.
not-now = Det här är tyvärr inte tillgängligt just nu.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = noll en/ett två tre fyra fem sex sju åtta nio
