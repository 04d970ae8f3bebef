### Polish, as spoken in Poland.
### Name: Polski
### Locales: pl
### Countries: PL
### Speech: pl-PL
### Voice: Polly.Ola-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Zarejestrowano konto. W celu weryfikacji odpowiedz { $word }

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Ktoś prosi o zmianę hasła. Jeśli to Ty, odpowiedz { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = TAK

# SMS: the reply was another word.
wrong-reply = Spróbuj ponownie. Odpowiedz { $word } albo nie odpowiadaj

# SMS: the account is verified.
confirmed = Dziękujemy. Konto zostało zweryfikowane.

# SMS: the confirmation was sent, but its result is not known.
submitted = Dziękujemy. Możesz się teraz zalogować.

# SMS: the confirmation failed for the moment.
retry-reply = Problem po naszej stronie. Za kilka minut odpowiedz ponownie { $word }.

# SMS: the person replied too late, or the link was used before.
expired-reply = Ta prośba straciła ważność. Zacznij od nowa.

# SMS: the link that lets the person choose a new password.
password-link = Ustaw nowe hasło: { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Kilka operacji czeka na potwierdzenie.

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Odpowiedz { $word } { $code }: weryfikacja konta ({ $age })

# SMS: a line of the list, as above.
several-password = Odpowiedz { $word } { $code }: zmiana hasła ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = przed chwilą

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] { $minutes } minutę temu
    [few] { $minutes } minuty temu
    [many] { $minutes } minut temu
   *[other] { $minutes } minuty temu
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] { $hours } godzinę temu
    [few] { $hours } godziny temu
    [many] { $hours } godzin temu
   *[other] { $hours } godziny temu
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Twój kod to { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Twój kod do potwierdzenia konta to { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Twój kod do zmiany hasła to { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Twój kod do potwierdzenia numeru telefonu to { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Twój kod logowania to { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Twoje hasło tymczasowe to { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Twój kod to: { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Proszę czekać. Trwa łączenie z osobą: { $name }.

# As above. The employee's name is not known.
connecting-without-name = Proszę czekać. Trwa łączenie.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = wybrana osoba

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Przepraszamy, połączenie z tym numerem nie może być zrealizowane. Do widzenia.

# Spoken: too many calls to this number at the moment.
number-busy = Przepraszamy, ten numer jest zajęty. Prosimy spróbować później. Do widzenia.

# Spoken in any call: a failure is ours.
apology = Przepraszamy, wystąpił błąd po naszej stronie. Prosimy zadzwonić ponownie za kilka minut. Do widzenia.

# Spoken before the tone. The caller may then leave a message.
leave-message = Nikt nie może teraz odebrać połączenia. Prosimy zostawić wiadomość po sygnale i na koniec nacisnąć krzyżyk.

# Spoken at the end of any call.
goodbye = Do widzenia.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Nowe nagranie od { $caller } ({ $seconds } s): { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Nowe nagranie z numeru prywatnego ({ $seconds } s): { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Nieodebrane połączenie od { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Nieodebrane połączenie z numeru prywatnego

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = Od: { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Nie wysłano: brak adresata. Zacznij od numeru: { $example }: Hej

# SMS to the employee: texts to this number are not allowed.
not-allowed = Nie wysłano: SMS-y na ten numer są niedozwolone.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Nie wysłano: przekroczono limit. Spróbuj { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Przekroczono limit przekazywania SMS. Wznowienie { $again }. SMS-y z tego okresu znajdziesz w logu Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] za ok. { $minutes } min
    [few] za ok. { $minutes } min
    [many] za ok. { $minutes } min
   *[other] za ok. { $minutes } min
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] za ok. { $hours } godz
    [few] za ok. { $hours } godz
    [many] za ok. { $hours } godz
   *[other] za ok. { $hours } godz
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = po podniesieniu limitu

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Witamy.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = Aby kontynuować po polsku, proszę nacisnąć { $digit }.

# Spoken.
ask-account = Proszę wprowadzić numer konta i nacisnąć krzyżyk.

# Spoken if the caller may also speak the account number.
ask-account-speech = Proszę powiedzieć numer konta albo wprowadzić go i nacisnąć krzyżyk.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Proszę wprowadzić PIN złożony z { $digits } cyfry.
    [few] Proszę wprowadzić PIN złożony z { $digits } cyfr.
    [many] Proszę wprowadzić PIN złożony z { $digits } cyfr.
   *[other] Proszę wprowadzić PIN złożony z { $digits } cyfr.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Przepraszamy, podany numer konta i PIN nie zostały przyjęte.

# Spoken: the keys make no sense.
not-understood = Nie zrozumieliśmy.

# Spoken after the right PIN.
welcome-account = Witamy.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Witamy, { $greeting }.

# Spoken: an entry of the menu.
press-for = Proszę nacisnąć { $digit }: { $label }.

# An entry of the menu, inside press-for.
label-balance = saldo konta

# An entry of the menu, inside press-for.
label-payments = płatności

# An entry of the menu, inside press-for.
label-exit = zakończenie rozmowy

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Saldo konta wynosi { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Ostatnia płatność z dnia { $date } wyniosła { $amount } { $currency }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Brak informacji na ten temat.

# Spoken: the system with the accounts does not answer.
not-now = Przepraszamy, ta usługa jest teraz niedostępna.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = zero jeden/jedna/jedno dwa/dwie trzy cztery pięć sześć siedem osiem dziewięć
