//! Names to draw from, by origin: common ones, combined by chance, of nobody in particular.
//!
//! Short surnames, apostrophes and foreign accents are in on purpose: the codice fiscale treats
//! each of them differently, and programs that call the register meet them sooner or later.

use std::sync::LazyLock;

use varco_anagrafe::codice_fiscale::{Belfiore, Sesso};

/// Names in use among people who come from one place.
pub(super) struct Origine {
    /// State of birth; absent for Italy.
    pub(super) stato: Option<Belfiore>,
    pub(super) cognomi: Vec<&'static str>,
    femminili: Vec<&'static str>,
    maschili: Vec<&'static str>,
}

/// Names of people born in Italy.
pub(super) static ITALIA: LazyLock<Origine> =
    LazyLock::new(|| Origine::read(["", COGNOMI, FEMMINILI, MASCHILI]));

/// Names of people born abroad, by state.
pub(super) static ESTERE: LazyLock<Vec<Origine>> =
    LazyLock::new(|| STATI.into_iter().map(Origine::read).collect());

impl Origine {
    /// Returns the given names of a sex.
    pub(super) fn given_names(&self, sesso: Sesso) -> &[&'static str] {
        match sesso {
            Sesso::F => &self.femminili,
            Sesso::M => &self.maschili,
        }
    }

    fn read([stato, cognomi, femminili, maschili]: [&'static str; 4]) -> Self {
        let names = |list: &'static str| list.split(',').map(str::trim).collect();
        Self {
            stato: stato.parse().ok(),
            cognomi: names(cognomi),
            femminili: names(femminili),
            maschili: names(maschili),
        }
    }
}

const COGNOMI: &str = "\
Rossi, Ferrari, Russo, Bianchi, Romano, Gallo, Costa, Fontana, Conti, Esposito, Ricci, Bruno,
Rizzo, Moretti, Greco, Barbieri, Lombardi, Giordano, Cassani, Colombo, Mancini, Longo, Leone,
Martinelli, Marchetti, Martini, Galli, Gatti, Mariani, Ferrara, Santoro, Marini, Bianco, Conte,
Serra, Farina, Grassi, Caruso, Morelli, Rinaldi, Monti, Cattaneo, Bernardi, Sala, Negri, Villa,
Riva, Brambilla, Fumagalli, Pozzi, Caselli, Pagani, Rota, Locatelli, Beretta, Bassi, Benedetti,
Bertolini, Bellini, Basile, Vitale, Parisi, Sorrentino, Palumbo, Amato, Silvestri, Messina,
Piras, Melis, Sanna, Cortese, Orlando, Ruggiero, Fabbri, Guerra, Palmieri, Sartori, Zanetti,
Zanella, Pellegrini, Poli, Fiore, Neri, Testa, Grasso, Ferraro, Coppola, Carbone, Gentile,
Lombardo, Marino, Donati, Ferri, Bertoni, Cremonesi, Ghezzi, Zucchi, Oldani, Bonvini, Vailati,
Uggè, Pedrazzini, Groppelli, Maiocchi, Soffientini, Cipolla, Tonani, Codazzi, Premoli, Meazzi,
Aiello, Fo, Bo, D'Angelo, D'Amico, De Luca, De Santis, Dell'Orto, Lo Presti, La Torre, Dall'Ara,
Di Stefano, Cantù, Nicolosi, Salvadè";

const FEMMINILI: &str = "\
Anna, Maria, Francesca, Laura, Elena, Paola, Chiara, Sara, Giulia, Valentina, Federica, Silvia,
Alessandra, Elisa, Martina, Roberta, Cristina, Daniela, Simona, Barbara, Monica, Stefania,
Claudia, Angela, Teresa, Rosa, Giovanna, Carla, Luisa, Lucia, Caterina, Margherita, Ilaria,
Serena, Giorgia, Alice, Beatrice, Camilla, Sofia, Aurora, Ginevra, Emma, Greta, Matilde, Noemi,
Arianna, Gaia, Bianca, Viola, Irene, Marta, Veronica, Patrizia, Donatella, Antonella, Gabriella,
Rita, Franca, Graziella, Ornella, Lidia, Ines, Ada, Ivana, Debora, Erica, Michela, Nicoletta,
Raffaella, Eleonora, Vittoria, Anna Maria, Maria Grazia, Maria Luisa, Desirée, Zoe";

const MASCHILI: &str = "\
Marco, Andrea, Luca, Giuseppe, Giovanni, Antonio, Francesco, Mario, Luigi, Stefano, Roberto,
Paolo, Matteo, Alessandro, Davide, Simone, Fabio, Massimo, Claudio, Giorgio, Carlo, Franco,
Alberto, Riccardo, Daniele, Lorenzo, Michele, Enrico, Pietro, Angelo, Vincenzo, Salvatore,
Domenico, Nicola, Filippo, Federico, Giacomo, Tommaso, Gabriele, Edoardo, Leonardo, Mattia,
Samuele, Diego, Emanuele, Cristian, Maurizio, Sergio, Bruno, Dario, Mauro, Gianfranco, Gianluca,
Pier Paolo, Pierluigi, Gian Marco, Renato, Silvano, Umberto, Ivano, Ugo, Elia, Noè, Niccolò,
Nicolò, Ettore, Achille, Bo, Ivo, Tiziano, Valerio, Walter, Guido, Vittorio, Raffaele, Ernesto";

/// Belfiore code, surnames, names of women and names of men.
const STATI: [[&str; 4]; 10] = [
    // Romania
    [
        "Z129",
        "Popescu, Ionescu, Popa, Dumitru, Stan, Gheorghe, Rusu, Munteanu, Țîrlea, Șerban",
        "Ioana, Elena, Andreea, Mihaela, Alina, Cristina, Gabriela, Daniela, Raluca, Ștefania",
        "Andrei, Alexandru, Ion, Mihai, Ștefan, Cristian, Florin, Vasile, Marian, Răzvan",
    ],
    // Marocco
    [
        "Z330",
        "El Amrani, Benali, El Idrissi, Alaoui, Bennani, Chraibi, Tazi, Ouahbi, Mansouri",
        "Fatima, Khadija, Amina, Nadia, Samira, Zineb, Hanane, Salma",
        "Mohammed, Ahmed, Youssef, Hassan, Rachid, Said, Omar, Hamza",
    ],
    // Albania
    [
        "Z100",
        "Hoxha, Shehu, Gjoka, Dervishi, Hysa, Kola, Prifti, Çela, Leka, Basha",
        "Elira, Arta, Besa, Drita, Mimoza, Valbona, Ermira, Teuta",
        "Arben, Ilir, Artan, Besnik, Gëzim, Agron, Fatos, Dritan",
    ],
    // Egitto
    [
        "Z336",
        "Hassan, Ibrahim, Mahmoud, Mostafa, Soliman, Abdelaziz, Farouk, Naguib",
        "Mona, Nour, Heba, Mariam, Dina, Aya",
        "Ahmed, Mahmoud, Karim, Tarek, Amr, Mina, Bishoy",
    ],
    // India
    [
        "Z222",
        "Singh, Kaur, Kumar, Sharma, Gill, Dhillon, Sandhu, Patel",
        "Harpreet, Manpreet, Simran, Jasleen, Priya, Kiran",
        "Gurpreet, Harjit, Rajinder, Balwinder, Amit, Manjit",
    ],
    // Ucraina
    [
        "Z138",
        "Kovalenko, Shevchenko, Bondarenko, Tkachenko, Melnyk, Kravchuk, Oliinyk",
        "Oksana, Olena, Iryna, Nataliia, Svitlana, Halyna, Yuliia",
        "Oleksandr, Andrii, Serhii, Dmytro, Mykola, Taras",
    ],
    // Repubblica Popolare Cinese
    [
        "Z210",
        "Wang, Li, Zhang, Chen, Hu, Lin, Xu, Wu, Zhou",
        "Li, Mei, Xiu, Yan, Fang, Jing",
        "Wei, Jun, Ming, Hao, Lei, Bo",
    ],
    // Ecuador
    [
        "Z605",
        "Zambrano, Cedeño, Vera, Mendoza, Mero, Alcívar, Quiñónez, Macías",
        "María José, Gabriela, Verónica, Andrea, Paola, Génesis",
        "José Luis, Carlos, Jorge, Ángel, Darwin, Kléver",
    ],
    // Perù
    [
        "Z611",
        "Quispe, Huamán, Flores, Rojas, Mamani, Chávez, Ñaupari",
        "Rosa María, Milagros, Carmen, Lucía, Flor",
        "Julio César, José, Víctor, Raúl, Jesús",
    ],
    // Pakistan
    [
        "Z236",
        "Khan, Malik, Hussain, Iqbal, Butt, Chaudhry, Mahmood",
        "Ayesha, Sana, Nadia, Fozia, Rabia",
        "Muhammad, Imran, Asif, Tariq, Adnan",
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_foreign_origin_is_a_known_state() {
        for origine in ESTERE.iter() {
            let stato = origine
                .stato
                .and_then(|stato| varco_anagrafe::luogo::luogo(&stato));

            assert!(stato.is_some_and(|stato| stato.belfiore.is_foreign()));
        }
    }

    #[test]
    fn no_name_is_empty_or_repeated() {
        for origine in std::iter::once(&*ITALIA).chain(ESTERE.iter()) {
            for list in [&origine.cognomi, &origine.femminili, &origine.maschili] {
                let distinct: std::collections::BTreeSet<_> = list.iter().collect();

                assert_eq!(distinct.len(), list.len());
                assert!(!distinct.contains(&""));
            }
        }
    }
}
