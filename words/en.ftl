### English. The other languages are translations of this file.
### Name: English
### Locales: en
### Countries: US, GB, IE, AU, NZ, CA, IN, SG, ZA, NG, GH, KE, JM, TT, PH
### Speech: en-US
### Voice: Polly.Joanna-Neural
### Decimal: .
### Reviewed: yes

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = You have registered for an account. Reply { $word } to verify

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Someone asked to change your password. If it was you, reply { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = YES

# SMS: the reply was another word.
wrong-reply = Try again. Reply { $word } or don't reply

# SMS: the account is verified.
confirmed = Thank you. Your account is verified.

# SMS: the confirmation was sent, but its result is not known.
submitted = Thank you. You can sign in now.

# SMS: the confirmation failed for the moment.
retry-reply = Something went wrong on our side. Please reply { $word } again in a few minutes.

# SMS: the person replied too late, or the link was used before.
expired-reply = This request is no longer valid. Please start again.

# SMS: the link that lets the person choose a new password.
password-link = Open this link to choose your password: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Several requests are waiting for you.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Reply { $word } { $code } for account verification ({ $age })

# SMS: a line of the list, as above.
several-password = Reply { $word } { $code } for password change ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = just now

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] { $minutes } minute ago
   *[other] { $minutes } minutes ago
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] { $hours } hour ago
   *[other] { $hours } hours ago
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Your code is { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Your code to confirm your account is { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Your password reset code is { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Your code to confirm your phone number is { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Your code to sign in is { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Your temporary password is { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Your code is: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Please wait. You are being connected to { $name }.

# As above. The employee's name is not known.
connecting-without-name = Please wait. You are being connected to your party.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = your party

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = We are sorry, this number cannot be reached. Goodbye.

# Spoken: too many calls to this number at the moment.
number-busy = We are sorry, this number is busy. Please try again later. Goodbye.

# Spoken in any call: a failure is ours.
apology = We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.

# Spoken before the tone. The caller may then leave a message.
leave-message = Nobody can take your call right now. Please leave a message after the tone, and press the pound key when you are done.

# Spoken at the end of any call.
goodbye = Goodbye.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Voicemail from { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Voicemail from a withheld number ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Missed call from { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Missed call from a hidden number

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = From: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Not sent, because it is not clear to whom. Begin your text with a number, like this: { $example }: Hello

# SMS to the employee: texts to this number are not allowed.
not-allowed = Not sent: texts to this number are not allowed.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Not sent: more texts left your company number than are allowed. Try again { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = More texts came to your company number than are forwarded. It goes on { $again }. Those in between are in Twilio's log.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] in about { $minutes } min
   *[other] in about { $minutes } min
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] in about { $hours } hour
   *[other] in about { $hours } hours
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = when the limit is raised

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Welcome.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = For English, press { $digit }.

# Spoken.
ask-account = Please enter your account number, followed by the pound key.

# Spoken if the caller may also speak the account number.
ask-account-speech = Please say your account number, or enter it, followed by the pound key.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Please enter your PIN of { $digits } digit.
   *[other] Please enter your PIN of { $digits } digits.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = We are sorry, this account number and PIN could not be accepted.

# Spoken: the keys make no sense.
not-understood = We did not get that.

# Spoken after the right PIN.
welcome-account = Welcome.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Welcome { $greeting }.

# Spoken: an entry of the menu.
press-for = Press { $digit } for { $label }.

# An entry of the menu, inside press-for.
label-balance = account balance

# An entry of the menu, inside press-for.
label-payments = payments

# An entry of the menu, inside press-for.
label-exit = exit

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Your balance is { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Your last payment was { $amount } { $currency } on { $date }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = There is nothing to tell about this.

# Spoken: the system with the accounts does not answer.
not-now = We are sorry, this is not available right now.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = zero/oh/o one two three four five six seven eight nine
